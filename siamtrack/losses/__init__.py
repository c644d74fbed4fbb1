"""Loss terms, one file each, and the criterion that sums them."""

from siamtrack.losses.criterion import Criterion
from siamtrack.losses.registry import Term, terms

__all__ = ["Criterion", "Term", "terms"]
