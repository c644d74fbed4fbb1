"""The registry of loss terms: ``LOSSES`` lists ``{NAME, WEIGHT, ...}``."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from torch import Tensor

from siamtrack.contracts import Targets
from siamtrack.registry import Registry


class Term(Protocol):
    """One summand of the loss.

    Attributes:
        serves: the kinds of prediction it can judge.
    """

    serves: ClassVar[tuple[type, ...]]

    def __call__(self, prediction: Any, targets: Targets) -> Tensor: ...


terms: Registry[Term] = Registry("loss term", "LOSSES", package="siamtrack.losses", beside=("WEIGHT",))
