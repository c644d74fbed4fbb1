"""From a configuration to a network: parts are made in order, each told what the one before it gives."""

from __future__ import annotations

import logging
from typing import Any, cast

import torch
from torch import nn

from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, FusedSpec, Prediction
from siamtrack.models.network import SHARED, Pixels, SiameseNetwork
from siamtrack.models.pairing import check_levels, check_scores, check_target, remarks
from siamtrack.models.slots import Correlation, backbones, correlations, enhancers, heads, necks
from siamtrack.registry import Registry

log = logging.getLogger(__name__)

_pixels: Registry[Pixels] = Registry("pixel normalisation", "MODEL.PIXELS")  # one class: only its options are checked


def build_network(cfg: Any) -> SiameseNetwork:
    """The network a configuration names, with its parts' initial values, checked by a dry run.

    Args:
        cfg: a resolved configuration (``siamtrack.config.load``).

    Raises:
        ConfigError: a part does not exist, an option does not fit, or the parts do not fit each other.
    """
    model = cfg.MODEL
    pixels = Pixels(**_pixels.options(Pixels, model.PIXELS))
    backbone = backbones.build(model.BACKBONE)
    neck = necks.build(model.NECK, channels=backbone.channels)
    enhancer = enhancers.build(model.ENHANCER, channels=neck.channels)

    head_class = heads.get(model.HEAD.NAME)
    kind = correlations.get(model.CORRELATION.NAME)
    check_levels(kind, head_class, levels=len(enhancer.channels))
    branches = (SHARED,) if kind.shared else head_class.branches
    joints = nn.ModuleList(
        nn.ModuleDict({b: correlations.build(model.CORRELATION, channels=c, branch=b) for b in branches})
        for c in enhancer.channels
    )
    inputs = _promised(joints, head_class.branches)
    check_scores(kind, head_class, inputs)
    head = heads.build(model.HEAD, inputs=inputs)
    check_target(head, inputs)
    network = SiameseNetwork(pixels, backbone, neck, enhancer, joints, head)
    prediction = dry_run(network, cfg.CROP.get("TEMPLATE_SIZE", 127), cfg.CROP.get("SEARCH_SIZE", 255))
    network.remarks = remarks(type(enhancer), kind, head_class, prediction)
    for remark in network.remarks:
        log.warning("MODEL: %s.", remark)
    return network


def dry_run(network: SiameseNetwork, template_size: int, search_size: int) -> Prediction:
    """One pair through the network on the ``meta`` device: shapes without arithmetic.

    Raises:
        ConfigError: the parts do not fit each other at these crop sizes.
    """
    was_training = network.training
    network.eval()
    state = {name: tensor.to("meta") for name, tensor in [*network.named_parameters(), *network.named_buffers()]}
    template, search = (_blank(side) for side in (template_size, search_size))
    try:
        with torch.no_grad():
            prediction: Prediction = torch.func.functional_call(network, state, ((template,), search))
    except RuntimeError as error:
        parts = " -> ".join(type(part).__name__ for part in (network.backbone, network.neck, network.enhancer))
        raise ConfigError(
            f"MODEL: the parts do not fit each other with a template of {template_size} px and a search of "
            f"{search_size} px ({parts} -> correlation -> {type(network.head).__name__}): {error}"
        ) from error
    finally:
        network.train(was_training)
    return prediction


def _blank(side: int) -> Crop:
    return Crop(torch.empty(1, 3, side, side, device="meta"), torch.empty(1, 4, device="meta"))


def _promised(joints: nn.ModuleList, branches: tuple[str, ...]) -> tuple[dict[str, FusedSpec], ...]:
    """Per level and branch of the head, what its correlation will give."""

    def spec(level: nn.ModuleDict, branch: str) -> FusedSpec:
        return cast(Correlation, level[branch if branch in level else SHARED]).spec

    return tuple({branch: spec(cast(nn.ModuleDict, level), branch) for branch in branches} for level in joints)
