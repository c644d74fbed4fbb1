"""NanoTrack's released checkpoints (HonglinChu/SiamTrackers), V1, V2 and V3: one table, as no name means two things."""

from __future__ import annotations

from siamtrack.models.official.rules import Rule, System

# (their name, ours) of the head's branches
_BRANCHES = (("cls", "cls"), ("reg", "loc"))


def _correlation(official: str, ours: str) -> tuple[Rule, ...]:
    """The parts of one branch's correlation in V2 and V3."""
    pixel, depth, to = rf"ban_head\.corr_pw_{official}", rf"ban_head\.corr_dw_{official}", f"correlations.0.{ours}"
    layer = r"(?P<layer>[01])\.(?P<leaf>\w+)"
    return (
        Rule(pixel + r"\.CA_layer\.(?P<name>.+)", to + ".attention.{name}"),
        Rule(pixel + r"\.conv_kernel\." + layer, to + ".template.{layer}.{leaf}"),
        Rule(pixel + r"\.conv_search\." + layer, to + ".search.{layer}.{leaf}"),
        Rule(pixel + r"\.conv\.0\.(?P<leaf>\w+)", to + ".refinement.depthwise.{leaf}"),
        Rule(pixel + r"\.conv\.1\.(?P<leaf>\w+)", to + ".refinement.depthwise_bn.{leaf}"),
        Rule(pixel + r"\.conv\.3\.(?P<leaf>\w+)", to + ".refinement.conv.{leaf}"),
        Rule(pixel + r"\.conv\.4\.(?P<leaf>\w+)", to + ".refinement.bn.{leaf}"),
        Rule(depth + r"\.conv_kernel\." + layer, to + ".depthwise_template.{layer}.{leaf}"),
        Rule(depth + r"\.conv_search\." + layer, to + ".depthwise_search.{layer}.{leaf}"),
        Rule(rf"ban_head\.down_{official}\.0\.(?P<leaf>\w+)", to + ".join.{leaf}"),
    )


SYSTEM = System(
    source="HonglinChu/SiamTrackers, NanoTrack",
    rules=(
        Rule(r"backbone\.(?P<name>.+)", "backbone.{name}"),
        Rule(r"ban_head\.corr_pw\.CA_layer\.(?P<name>.+)", "correlations.0.shared.attention.{name}"),
        *(rule for branch in _BRANCHES for rule in _correlation(*branch)),
        Rule(r"ban_head\.cls_(pw_)?tower\.(?P<name>.+)", "head.cls.{name}"),
        Rule(r"ban_head\.bbox_(pw_)?tower\.(?P<name>.+)", "head.loc.{name}"),
        Rule(r"ban_head\.cls_(logits|pred)\.0\.(?P<leaf>\w+)", "head.cls_out.{leaf}"),
        Rule(r"ban_head\.bbox_pred\.0\.(?P<leaf>\w+)", "head.loc_out.{leaf}"),
    ),
    ignored={r"neck\.downsample\..+": "the original builds this neck and never runs it"},
)
