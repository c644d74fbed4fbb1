"""Which parts go together: what is refused, and what is worth a remark. Parts say it themselves, by their attributes.

The rules compare the attributes of :mod:`siamtrack.models.slots`; no part is known by name, so a plug-in's part is
held to the same ones.
"""

from __future__ import annotations

from siamtrack.config import ConfigError
from siamtrack.contracts import Corners, FusedSpec, Prediction
from siamtrack.models.slots import Correlation, Enhancer, Head, heads


def check_levels(correlation: type[Correlation], head: type[Head], levels: int) -> None:
    """Refuse more levels than a correlation makes sense for, or a head reads.

    Raises:
        ConfigError: says which part, and what to set.
    """
    for kind, part in (("correlation", correlation), ("head", head)):
        if part.max_levels is not None and levels > part.max_levels:
            raise ConfigError(
                f"MODEL: {kind} {_name(part)!r} makes sense for {part.max_levels} level(s), but {levels} reach it; set "
                "MODEL.BACKBONE.USED_LAYERS to fewer."
            )


def check_scores(correlation: type[Correlation], head: type[Head], inputs: tuple[dict[str, FusedSpec], ...]) -> None:
    """Refuse a head that reads features where the correlation has answered with scores already.

    Raises:
        ConfigError: names both, and the heads that would do.
    """
    if not head.reads_scores and any(spec.scores for level in inputs for spec in level.values()):
        raise ConfigError(
            f"MODEL: correlation {_name(correlation)!r} answers with scores, but head {_name(head)!r} wants features; "
            "choose another correlation, such as depthwise, or a head that reads scores: "
            f"{', '.join(name for name in heads if heads.get(name).reads_scores)}."
        )


def check_target(head: Head, inputs: tuple[dict[str, FusedSpec], ...]) -> None:
    """Refuse a head that reads a decoder's answer where no correlation gives one.

    Raises:
        ConfigError: says which head.
    """
    if head.needs_target and not any(spec.target for level in inputs for spec in level.values()):
        raise ConfigError(
            f"MODEL: head {_name(type(head))!r} with these options reads a decoder's answer for the target, but the "
            "correlation has none; take one with a decoder, such as transformer, or switch that option off."
        )


def remarks(
    enhancer: type[Enhancer], correlation: type[Correlation], head: type[Head], prediction: Prediction
) -> tuple[str, ...]:
    """What a reader of results should know of parts that work together, but not as intended; often nothing.

    Args:
        enhancer: its class.
        correlation: its class.
        head: its class.
        prediction: of a dry run.
    """
    said = []
    twice = [kind for kind in enhancer.attends if kind in correlation.attends]
    if twice:
        said.append(
            f"enhancer {_name(enhancer)!r} computes {' and '.join(twice)}-attention, which correlation "
            f"{_name(correlation)!r} computes as well: a control rather than an addition"
        )
    if head.contrasts and correlation.shared:
        said.append(
            f"head {_name(head)!r} lets its branches inform each other, but correlation {_name(correlation)!r} gives "
            "them the same features: its cross-branch attention shrinks to attention within one"
        )
    if isinstance(prediction, Corners):
        cells, size, stride = prediction.top_left.shape[-1], prediction.size, prediction.stride
        first = size // 2 - cells // 2 * stride
        last = first + (cells - 1) * stride
        if first > stride:
            said.append(
                f"corners can lie only between {first} and {last} of {size} px, where the map of {cells} cells "
                "reaches: elongated and off-centre targets are clipped"
            )
    return tuple(said)


def _name(part: type) -> str:
    """What a configuration calls a part."""
    return str(getattr(part, "registered_name", part.__name__))
