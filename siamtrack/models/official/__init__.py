"""Tables of official tensor names, one file a system."""

from siamtrack.models.official import nanotrack, siamban, siampw_rbo
from siamtrack.models.official.rules import Rule, System

SYSTEMS: dict[str, System] = {
    "nanotrack": nanotrack.SYSTEM,
    "siamban": siamban.SYSTEM,
    "siampw_rbo": siampw_rbo.SYSTEM,
}

__all__ = ["SYSTEMS", "Rule", "System"]
