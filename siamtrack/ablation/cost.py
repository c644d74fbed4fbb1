"""What a variant costs: parameters, and multiply-accumulates of a template and of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from siamtrack.models import build_network
from siamtrack.models.describe import describe
from siamtrack.tracking import build_tracker


@dataclass(frozen=True)
class Cost:
    """Of one variant's network.

    Attributes:
        parameters: all that could learn.
        template_macs: multiply-accumulates to remember one template.
        frame_macs: to locate the target in one search crop, with as many templates as the tracker keeps.
        remarks: what there is to say of its parts, see :attr:`siamtrack.models.SiameseNetwork.remarks`.
    """

    parameters: int
    template_macs: int
    frame_macs: int
    remarks: tuple[str, ...] = ()


def cost(cfg: Any) -> Cost:
    """The cost of a configuration's network, counted without weights or arithmetic (``siamtrack model describe``).

    Raises:
        ConfigError: network or tracker cannot be built.
    """
    with torch.device("meta"):
        network = build_network(cfg)
    templates = build_tracker(cfg, network, device="meta").templates
    described = describe(cfg, templates)
    return Cost(described.parameters, described.template_macs, described.frame_macs, network.remarks)
