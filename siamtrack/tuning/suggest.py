"""What to try next. A suggestion depends on seed, number and the trials before it alone, so that a search which was
interrupted goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from siamtrack.tuning.space import Range
from siamtrack.tuning.trials import Trial


class Suggester(Protocol):
    """Gives the values of the next trial."""

    def __call__(self, number: int, before: Sequence[Trial]) -> dict[str, Any]:
        """Key -> value.

        Args:
            number: of the trial, from 0.
            before: the trials so far.
        """
        ...


def suggester(name: str, ranges: Sequence[Range], seed: int) -> Suggester:
    """``random``, or ``tpe``.

    Raises:
        ValueError: no such one, or it needs a package that is not installed.
    """
    if name == "random":
        return Random(ranges, seed)
    if name == "tpe":
        return Tpe(ranges, seed)
    raise ValueError(f"--sampler {name!r}: should be random or tpe.")


class Random:
    """Independent draws: the baseline that is hard to beat while trials are few."""

    def __init__(self, ranges: Sequence[Range], seed: int) -> None:
        self._ranges, self._seed = ranges, seed

    def __call__(self, number: int, before: Sequence[Trial]) -> dict[str, Any]:
        """See :class:`Suggester`."""
        rng = np.random.default_rng([self._seed, number])
        return {r.key: r.draw(rng) for r in self._ranges}


class Tpe:
    """Optuna's tree-structured Parzen estimator, multivariate.

    Source: Bergstra et al., NeurIPS 2011; Falkner et al., ICML 2018.
    """

    def __init__(self, ranges: Sequence[Range], seed: int) -> None:
        try:
            import optuna
        except ImportError:
            raise ValueError(
                "--sampler tpe needs optuna, which is not installed: pip install 'siamtrack[tune]', or take random."
            ) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._ranges, self._seed = optuna, ranges, seed

    def __call__(self, number: int, before: Sequence[Trial]) -> dict[str, Any]:
        """See :class:`Suggester`."""
        mixed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        sampler = self._optuna.samplers.TPESampler(seed=mixed, multivariate=True)
        study = self._optuna.create_study(direction="maximize", sampler=sampler)
        distributions = {r.key: self._distribution(r) for r in self._ranges}
        for trial in before:
            if trial.score is not None:
                study.add_trial(
                    self._optuna.trial.create_trial(params=trial.values, distributions=distributions, value=trial.score)
                )
        asked = study.ask(distributions)
        return {r.key: asked.params[r.key] if r.choices else r.rounded(asked.params[r.key]) for r in self._ranges}

    def _distribution(self, r: Range) -> Any:
        kinds = self._optuna.distributions
        if r.choices:
            return kinds.CategoricalDistribution(r.choices)
        if r.whole:
            return kinds.IntDistribution(int(r.low), int(r.high), log=r.log)
        return kinds.FloatDistribution(r.low, r.high, log=r.log)
