"""Networks: the five slots, their parts, and how a configuration becomes one."""

from siamtrack.models.build import build_network
from siamtrack.models.network import SiameseNetwork

__all__ = ["SiameseNetwork", "build_network"]
