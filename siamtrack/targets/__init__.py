"""Ground truth to labels, one file per kind of prediction."""

from siamtrack.targets.registry import Labeller, labellers

__all__ = ["Labeller", "labellers"]
