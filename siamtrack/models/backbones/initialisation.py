"""How the convolutions of a backbone start when there are no weights to start from."""

from __future__ import annotations

import math

from torch import nn


def init_fan_out(module: nn.Module) -> None:
    """Convolutions normal(0, sqrt(2 / (k k out))), their biases 0, batch norms 1 and 0.

    Source: He et al. 2015, fan-out form; pysot and torchvision start their ResNets so.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            height, width = part.kernel_size
            nn.init.normal_(part.weight, 0.0, math.sqrt(2.0 / (height * width * part.out_channels)))
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)
