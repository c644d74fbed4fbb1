"""The registry of labellers: ``TARGETS`` names one."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from siamtrack.contracts import Batch, Targets
from siamtrack.registry import Registry


class Labeller(Protocol):
    """Says what a prediction should have been.

    Attributes:
        serves: the kinds of prediction it can label.
    """

    serves: ClassVar[tuple[type, ...]]

    def __call__(self, prediction: Any, batch: Batch) -> Targets: ...


labellers: Registry[Labeller] = Registry("labeller", "TARGETS", package="siamtrack.targets")
