"""Which of a backbone's layers can be used together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from siamtrack.config import ConfigError


def choose_levels(used: Sequence[int], strides: Mapping[int, int], name: str) -> tuple[int, ...]:
    """The used layers, if they exist, ascend and share one stride.

    Args:
        used: numbers of layers.
        strides: px between cells of every layer there is.
        name: of the backbone, for the sentence.

    Raises:
        ConfigError: otherwise; says which layers there are.
    """
    known = ", ".join(f"{layer} (stride {stride})" for layer, stride in strides.items())
    if not used or any(layer not in strides for layer in used) or list(used) != sorted(set(used)):
        raise ConfigError(
            f"MODEL.BACKBONE.USED_LAYERS: {list(used)} should be some of {name}'s layers, in ascending order: {known}."
        )
    if len({strides[layer] for layer in used}) > 1:
        raise ConfigError(
            f"MODEL.BACKBONE.USED_LAYERS: layers {list(used)} of {name} differ in stride, so their cells do not lie "
            f"on one grid; choose layers of one stride: {known}."
        )
    return tuple(used)
