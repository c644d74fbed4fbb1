"""STARK's released checkpoints (researchmm/Stark): S50, ST50 and ST101, weights under the key ``net``."""

from __future__ import annotations

from siamtrack.models.official.rules import Rule, System

_LAYER = r"transformer\.(?P<part>encoder|decoder)\.layers\.(?P<index>\d+)\."
_OURS = "correlations.0.shared.{part}.{index}."

SYSTEM = System(
    source="researchmm/Stark",
    rules=(
        Rule(r"backbone\.0\.body\.(?P<name>.+)", "backbone.{name}"),
        Rule(r"bottleneck\.(?P<leaf>weight|bias)", "neck.levels.0.{leaf}"),
        Rule(
            r"transformer\.encoder\.layers\.(?P<index>\d+)\.self_attn\.in_proj_(?P<leaf>\w+)",
            "correlations.0.shared.encoder.{index}.attention.in_proj.{leaf}",
        ),
        Rule(
            r"transformer\.encoder\.layers\.(?P<index>\d+)\.self_attn\.out_proj\.(?P<leaf>\w+)",
            "correlations.0.shared.encoder.{index}.attention.out_proj.{leaf}",
        ),
        Rule(
            r"transformer\.decoder\.layers\.(?P<index>\d+)\.self_attn\.in_proj_(?P<leaf>\w+)",
            "correlations.0.shared.decoder.{index}.self_attention.in_proj.{leaf}",
        ),
        Rule(
            r"transformer\.decoder\.layers\.(?P<index>\d+)\.self_attn\.out_proj\.(?P<leaf>\w+)",
            "correlations.0.shared.decoder.{index}.self_attention.out_proj.{leaf}",
        ),
        Rule(_LAYER + r"multihead_attn\.in_proj_(?P<leaf>\w+)", _OURS + "cross_attention.in_proj.{leaf}"),
        Rule(_LAYER + r"multihead_attn\.out_proj\.(?P<leaf>\w+)", _OURS + "cross_attention.out_proj.{leaf}"),
        Rule(_LAYER + r"(?P<name>linear[12])\.(?P<leaf>\w+)", _OURS + "feedforward.{name}.{leaf}"),
        Rule(_LAYER + r"(?P<name>norm[123])\.(?P<leaf>\w+)", _OURS + "{name}.{leaf}"),
        Rule(r"transformer\.decoder\.norm\.(?P<leaf>\w+)", "correlations.0.shared.norm.{leaf}"),
        Rule(r"query_embed\.weight", "correlations.0.shared.query"),
        Rule(
            r"box_head\.conv(?P<index>[1-4])_tl\.(?P<layer>[01])\.(?P<leaf>\w+)",
            "head.levels.0.top_left.block{index}.{layer}.{leaf}",
        ),
        Rule(
            r"box_head\.conv(?P<index>[1-4])_br\.(?P<layer>[01])\.(?P<leaf>\w+)",
            "head.levels.0.bottom_right.block{index}.{layer}.{leaf}",
        ),
        Rule(r"box_head\.conv5_tl\.(?P<leaf>\w+)", "head.levels.0.top_left.out.{leaf}"),
        Rule(r"box_head\.conv5_br\.(?P<leaf>\w+)", "head.levels.0.bottom_right.out.{leaf}"),
        Rule(r"cls_head\.layers\.(?P<index>\d)\.(?P<leaf>\w+)", "head.score.{index}.{leaf}"),
    ),
)
