"""Tables of official tensor names, one file a system."""

from siamtrack.models.official import nanotrack, siamban
from siamtrack.models.official.rules import Rule, System

SYSTEMS: dict[str, System] = {
    "nanotrack": nanotrack.SYSTEM,
    "siamban": siamban.SYSTEM,
}

__all__ = ["SYSTEMS", "Rule", "System"]
