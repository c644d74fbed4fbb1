"""SiamRPN++'s and SiamRPN's released checkpoints (STVIR/pysot): several levels, one level, and the up-channel head."""

from __future__ import annotations

from siamtrack.models.official.rules import Rule, System

_ADJUST = r"\.(?P<layer>[01])\.(?P<leaf>\w+)"
_MANY, _ONE = r"rpn_head\.rpn(?P<level>\d)\.(?P<branch>cls|loc)", r"rpn_head\.(?P<branch>cls|loc)"


def _branch(prefix: str, level: str) -> tuple[Rule, ...]:
    """The rules for ``DepthwiseXCorr`` below a prefix."""
    return (
        Rule(prefix + r"\.conv_kernel" + _ADJUST, f"correlations.{level}.{{branch}}.template.{{layer}}.{{leaf}}"),
        Rule(prefix + r"\.conv_search" + _ADJUST, f"correlations.{level}.{{branch}}.search.{{layer}}.{{leaf}}"),
        Rule(prefix + r"\.head\.(?P<layer>[013])\.(?P<leaf>\w+)", f"head.levels.{level}.{{branch}}.{{layer}}.{{leaf}}"),
    )


SYSTEM = System(
    source="STVIR/pysot",
    first_level=2,
    rules=(
        Rule(r"backbone\.(?P<name>.+)", "backbone.{name}"),
        Rule(r"neck\.downsample(?P<level>\d)\.downsample" + _ADJUST, "neck.levels.{level}.{layer}.{leaf}"),
        Rule(r"neck\.downsample\.downsample" + _ADJUST, "neck.levels.0.{layer}.{leaf}"),
        *_branch(_MANY, "{level}"),
        *_branch(_ONE, "0"),
        Rule(r"rpn_head\.(?P<name>cls_weight|loc_weight)", "head.{name}"),
        Rule(
            r"rpn_head\.(?P<side>template|search)_(?P<branch>cls|loc)_conv\.(?P<leaf>\w+)",
            "correlations.0.{branch}.{side}.{leaf}",
        ),
        Rule(r"rpn_head\.loc_adjust\.(?P<leaf>\w+)", "correlations.0.loc.adjust.{leaf}"),
    ),
)
