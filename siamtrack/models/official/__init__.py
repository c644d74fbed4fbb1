"""Tables of official tensor names, one file a system."""

from siamtrack.models.official import nanotrack, siamban, siamban_acm, siamfc, siampw_rbo, siamrpnpp, stark
from siamtrack.models.official.rules import Rule, System

SYSTEMS: dict[str, System] = {
    "nanotrack": nanotrack.SYSTEM,
    "siamban": siamban.SYSTEM,
    "siamban_acm": siamban_acm.SYSTEM,
    "siamfc": siamfc.SYSTEM,
    "siampw_rbo": siampw_rbo.SYSTEM,
    "siamrpnpp": siamrpnpp.SYSTEM,
    "stark": stark.SYSTEM,
}

__all__ = ["SYSTEMS", "Rule", "System"]
