"""SiamBAN's released checkpoints (hqucv/siamban), several levels."""

from __future__ import annotations

from siamtrack.models.official.rules import Rule, System

_BOX = r"head\.box(?P<level>\d)\.(?P<branch>cls|loc)"

SYSTEM = System(
    source="hqucv/siamban",
    first_level=2,
    rules=(
        Rule(r"backbone\.(?P<name>.+)", "backbone.{name}"),
        Rule(
            r"neck\.downsample(?P<level>\d)\.downsample\.(?P<layer>[01])\.(?P<leaf>\w+)",
            "neck.levels.{level}.{layer}.{leaf}",
        ),
        Rule(
            _BOX + r"\.conv_kernel\.(?P<layer>[01])\.(?P<leaf>\w+)",
            "correlations.{level}.{branch}.template.{layer}.{leaf}",
        ),
        Rule(
            _BOX + r"\.conv_search\.(?P<layer>[01])\.(?P<leaf>\w+)",
            "correlations.{level}.{branch}.search.{layer}.{leaf}",
        ),
        Rule(_BOX + r"\.head\.(?P<layer>[013])\.(?P<leaf>\w+)", "head.levels.{level}.{branch}.{layer}.{leaf}"),
        Rule(r"head\.(?P<name>cls_weight|loc_weight|loc_scale)", "head.{name}"),
    ),
)
