"""What a variant costs: parameters, and multiply-accumulates of a template and of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from siamtrack.contracts import Crop
from siamtrack.models import build_network


@dataclass(frozen=True)
class Cost:
    """Of one variant's network.

    Attributes:
        parameters: all of them, learning or not.
        template_macs: multiply-accumulates to remember one template.
        frame_macs: to locate it in one search crop.
        remarks: what there is to say of its parts, see :attr:`siamtrack.models.SiameseNetwork.remarks`.
    """

    parameters: int
    template_macs: int
    frame_macs: int
    remarks: tuple[str, ...] = ()


def cost(cfg: Any) -> Cost:
    """The cost of a configuration's network, counted on the ``meta`` device: no weights, no arithmetic.

    Counted are convolutions and matrix products, those of attention included; a half of torch's count of floating
    point operations.

    Raises:
        ConfigError: the parts do not fit each other.
    """
    with torch.device("meta"):
        network = build_network(cfg).eval()
        template, search = _crop(cfg.CROP.get("TEMPLATE_SIZE", 127)), _crop(cfg.CROP.get("SEARCH_SIZE", 255))
    with torch.no_grad():
        with FlopCounterMode(display=False) as remembering:
            memory = network.remember(template)
        with FlopCounterMode(display=False) as locating:
            network.locate(memory, search)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    macs = (counter.get_total_flops() // 2 for counter in (remembering, locating))
    return Cost(parameters, *macs, remarks=network.remarks)


def _crop(side: int) -> Crop:
    return Crop(torch.empty(1, 3, side, side), torch.empty(1, 4))
