"""A study: variants and seeds in, rows of a table out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamtrack import config
from siamtrack.ablation.cost import Cost, cost
from siamtrack.ablation.grid import Variant
from siamtrack.ablation.job import Benchmark, Device, Job
from siamtrack.ablation.run import Outcome, Runner
from siamtrack.config import ConfigError
from siamtrack.evaluation import Protocol, Scores, resolve
from siamtrack.evaluation.compare import Difference, Spread, paired_difference, spread
from siamtrack.registry import load_plugins

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One variant: its cost and its runs.

    Attributes:
        variant: what.
        cost: ``None`` where its parts do not fit each other.
        outcomes: one a seed.
        refusal: why its parts do not fit; ``""`` where they do.
    """

    variant: Variant
    cost: Cost | None
    outcomes: tuple[Outcome, ...] = ()
    refusal: str = ""

    @property
    def scores(self) -> list[Scores]:
        """Of the runs that ended well."""
        return [outcome.scores for outcome in self.outcomes if outcome.scores is not None]

    @property
    def failures(self) -> list[str]:
        """A sentence for each run that did not; one for a variant that cannot be built."""
        if self.refusal:
            return [self.refusal]
        return [f"seed {outcome.job.seed}: {outcome.reason}" for outcome in self.outcomes if outcome.reason]

    def spread(self, metric: str) -> Spread | None:
        """A metric over the seeds; ``None`` without any run."""
        values = [scores.value(metric) for scores in self.scores]
        return spread(values) if values else None

    def fps(self) -> Spread | None:
        """Frames per second over the seeds."""
        values = [scores.fps for scores in self.scores if scores.fps is not None]
        return spread(values) if values else None

    def difference(self, reference: Row, metric: str) -> Difference | None:
        """How much it is above another row; ``None`` where one of them has no run."""
        if not self.scores or not reference.scores:
            return None
        ours, theirs = (
            np.stack([scores.sequence_values(metric) for scores in row.scores]) for row in (self, reference)
        )
        return paired_difference(ours, theirs)


@dataclass(frozen=True)
class Study:
    """All rows, and what they have in common; differences are to the first row.

    Attributes:
        rows: one a variant.
        seeds: of the runs of every row.
        benchmark: name of the test set.
        protocol: by which its results were scored.
        sequences: how many there are in it.
    """

    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    benchmark: str
    protocol: Protocol
    sequences: int

    @property
    def complete(self) -> bool:
        """Whether every run ended well."""
        return not any(row.failures for row in self.rows)


def study(
    variants: Sequence[Variant],
    seeds: int,
    benchmark: Benchmark,
    output: Path,
    devices: Sequence[Device],
    train_arguments: Sequence[str] = (),
    plugins: Sequence[str] = (),
) -> Study:
    """Train, test and score every variant with every seed.

    Started again with the same arguments it goes on where it was broken off; failed runs are tried again.

    Args:
        variants: the first one is what the others are compared with.
        seeds: how many; they are the configuration's ``SEED`` and the numbers after it.
        benchmark: what is tracked.
        output: ``runs/<variant>/seed-<n>/`` is made in it.
        devices: one process runs on each.
        train_arguments: further options of ``siamtrack train``.
        plugins: modules that register parts.

    Raises:
        ConfigError: a configuration has unknown keys, a protocol does not exist, or ``seeds`` is below 1. What goes
            wrong later is a row with its reason.
    """
    if seeds < 1:
        raise ConfigError(f"--seeds: {seeds} should be at least 1.")
    protocol = resolve(benchmark.protocol, benchmark.name)
    first = config.load(variants[0].cfg, variants[0].overrides, plugins).SEED
    numbers = tuple(range(first, first + seeds))
    rows = [_costed(variant, plugins) for variant in variants]
    jobs = [
        Job(
            variant=row.variant,
            seed=seed,
            folder=output / "runs" / row.variant.folder / f"seed-{seed}",
            benchmark=benchmark,
            train_arguments=tuple(train_arguments),
            plugins=tuple(plugins),
        )
        for row in rows
        if not row.refusal
        for seed in numbers
    ]
    outcomes = Runner(devices).run(jobs)
    done = [
        Row(row.variant, row.cost, tuple(o for o in outcomes if o.job.variant == row.variant), row.refusal)
        for row in rows
    ]
    return Study(tuple(done), numbers, benchmark.name, protocol, len(benchmark.truths))


def _costed(variant: Variant, plugins: Sequence[str]) -> Row:
    """A row without runs."""
    cfg = config.load(variant.cfg, variant.overrides, plugins)
    load_plugins(cfg.PLUGINS)
    try:
        return Row(variant, cost(cfg))
    except ConfigError as error:
        log.warning("%s: %s", variant.name, error)
        return Row(variant, None, refusal=str(error))
