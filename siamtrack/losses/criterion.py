"""The loss of a configuration: its terms, each with a weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from siamtrack.config import ConfigError, origin
from siamtrack.contracts import Prediction, Targets
from siamtrack.losses.registry import Term, terms


class Criterion:
    """Named, weighted terms.

    Args:
        sections: ``LOSSES`` of a configuration: ``[{NAME, WEIGHT, option: value, ...}, ...]``.
        makes: the kind of prediction the head makes.

    Raises:
        ConfigError: no terms, one that cannot judge this kind of prediction, or a weight that is no number.
    """

    def __init__(self, sections: Sequence[Any], makes: type[Prediction]) -> None:
        if not sections:
            raise ConfigError("LOSSES is empty: list at least one {NAME, WEIGHT}.")
        self.terms: dict[str, tuple[float, Term]] = {}
        for section in sections:
            term = terms.build(section)
            if makes not in term.serves:
                served = ", ".join(kind.__name__ for kind in term.serves)
                raise ConfigError(
                    f"{origin(section, 'NAME')}, key LOSSES: the term {section['NAME']!r} judges {served}, but the "
                    f"head makes {makes.__name__}."
                )
            self.terms[self._unique(section["NAME"])] = (_weight(section), term)

    def __call__(self, prediction: Prediction, targets: Targets) -> dict[str, Tensor]:
        """``{name: weighted scalar}``; the loss is their sum."""
        return {name: weight * term(prediction, targets) for name, (weight, term) in self.terms.items()}

    def _unique(self, name: str) -> str:
        """A name for a term that stands in the list twice: ``iou``, ``iou_2``, ..."""
        taken = [known for known in self.terms if known == name or known.startswith(f"{name}_")]
        return f"{name}_{len(taken) + 1}" if taken else name


def _weight(section: Any) -> float:
    weight = section.get("WEIGHT", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
        raise ConfigError(
            f"{origin(section, 'WEIGHT')}, key LOSSES: WEIGHT of the term {section['NAME']!r} is {weight!r}; it should "
            "be a number."
        )
    return float(weight)
