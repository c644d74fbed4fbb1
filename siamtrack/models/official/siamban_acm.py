"""SiamBAN-ACM's released checkpoints (wencheng256/SiamBAN-ACM): SiamBAN's names around another correlation."""

from __future__ import annotations

from siamtrack.models.official import siamban
from siamtrack.models.official.rules import Rule, System

_BOX = r"head\.box(?P<level>\d)\.(?P<branch>cls|loc)"
_OURS = "correlations.{level}.{branch}"

SYSTEM = System(
    source="wencheng256/SiamBAN-ACM",
    first_level=2,
    rules=(
        Rule(_BOX + r"\.xorr_kernel\.(?P<leaf>\w+)", _OURS + ".template_kernel.{leaf}"),
        Rule(_BOX + r"\.xorr_search\.(?P<leaf>\w+)", _OURS + ".search_kernel.{leaf}"),
        Rule(_BOX + r"\.xorr_bbox\.(?P<name>.+)", _OURS + ".box_prior.layers.{name}"),
        Rule(_BOX + r"\.xorr_activate\.0\.(?P<leaf>\w+)", _OURS + ".activation.sum_bn.{leaf}"),
        Rule(_BOX + r"\.xorr_activate\.2\.(?P<leaf>\w+)", _OURS + ".activation.conv.{leaf}"),
        Rule(_BOX + r"\.xorr_activate\.3\.(?P<leaf>\w+)", _OURS + ".activation.bn.{leaf}"),
        *siamban.SYSTEM.rules,
    ),
)
