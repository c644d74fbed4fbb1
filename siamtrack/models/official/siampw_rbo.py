"""SiamPW-RBO's released checkpoints (sansanfree/RBO, folder SiamPW-RBO)."""

from __future__ import annotations

from siamtrack.models.official.rules import Rule, System

SYSTEM = System(
    source="sansanfree/RBO",
    first_level=2,
    rules=(
        Rule(r"backbone\.(?P<name>.+)", "backbone.{name}"),
        Rule(
            r"neck\.downsample(?P<level>\d)\.downsample\.(?P<layer>[01])\.(?P<leaf>\w+)",
            "neck.levels.{level}.{layer}.{leaf}",
        ),
        Rule(
            r"head\.box(?P<level>\d)\.head\.(?P<name>(fi|cls_tower|reg_tower|cls_logits|bbox_pred)\..+)",
            "head.levels.{level}.{name}",
        ),
        Rule(r"head\.(?P<name>cls_weight|loc_weight|loc_scale)", "head.{name}"),
    ),
)
