"""The head of SiamBAN-ACM: SiamBAN's, with 3x3 convolutions."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from siamtrack.contracts import FusedSpec
from siamtrack.models.heads.ban import BanHead
from siamtrack.models.slots import heads


class SpatialTower(nn.Module):
    """3x3 convolution, batch norm, ReLU, 3x3 convolution, both with bias and padded.

    Args:
        channels: of the correlated map.
        hidden: between the two convolutions.
        out: what the branch answers with.

    Source: ``DepthwiseXCorr.head`` in SiamBAN-ACM.
    """

    def __init__(self, channels: int, hidden: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, hidden, 3, padding=1)
        self.bn = nn.BatchNorm2d(hidden)
        self.out = nn.Conv2d(hidden, out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.out(F.relu(self.bn(self.conv(x))))
        return result


@heads.register("acm")
class AcmHead(BanHead):
    """Per level and branch a small tower that sees a cell's neighbours, then the levels' weighted sum.

    Args:
        inputs: per level, what each branch's correlation gives.
        hidden: channels between the two convolutions.
        weighted: learnt level weights; otherwise plain means.
        unit: px in which distances are learnt, as in :class:`BanHead`.

    Source: ACM (Han et al., CVPR 2021); wencheng256/SiamBAN-ACM ``models/head/ban.py``.
    """

    reads_scores = False

    @staticmethod
    def tower(branch: str, spec: FusedSpec, hidden: int, out: int) -> nn.Module:
        """From one level's correlated map to ``out`` maps."""
        return SpatialTower(spec.channels, hidden, out)
