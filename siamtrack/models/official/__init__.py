"""Tables of official tensor names, one file a system."""

from siamtrack.models.official import siamban
from siamtrack.models.official.rules import Rule, System

SYSTEMS: dict[str, System] = {
    "siamban": siamban.SYSTEM,
}

__all__ = ["SYSTEMS", "Rule", "System"]
