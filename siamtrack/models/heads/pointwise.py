"""The tower that the heads of the pysot family put on a correlated map."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from siamtrack.config import ConfigError
from siamtrack.contracts import FusedSpec


class PointwiseTower(nn.Module):
    """1x1 convolution, batch norm, ReLU, 1x1 convolution with bias.

    Args:
        channels: of the correlated map.
        hidden: between the two convolutions.
        out: what the branch answers with.

    Source: ``DepthwiseXCorr.head`` in pysot and SiamBAN.
    """

    def __init__(self, channels: int, hidden: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, hidden, 1, bias=False)
        self.bn = nn.BatchNorm2d(hidden)
        self.out = nn.Conv2d(hidden, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.out(F.relu(self.bn(self.conv(x))))
        return result


def tower(branch: str, spec: FusedSpec, hidden: int, out: int) -> nn.Module:
    """A tower from a correlation's map to ``out`` maps; none where the correlation has answered already.

    Raises:
        ConfigError: it has, with another number of maps.
    """
    if not spec.scores:
        return PointwiseTower(spec.channels, hidden, out)
    if spec.channels != out:
        raise ConfigError(
            f"MODEL.CORRELATION: it answers branch {branch!r} with {spec.channels} maps, but the head reads {out}; "
            "set the correlation's number of anchors or maps to the head's."
        )
    return nn.Identity()
