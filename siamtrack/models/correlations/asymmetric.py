"""Asymmetric convolution (ACM): each side has a learnt kernel of its own, and their answers are added."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from siamtrack.config import ConfigError
from siamtrack.contracts import FeatureMap, Fused, FusedSpec
from siamtrack.models.correlations.depthwise import Embedding
from siamtrack.models.slots import Correlation, correlations


class BoxPrior(nn.Module):
    """Three linear layers from the template box's width and height in px to one number per channel.

    Neither divided nor logarithmic: the first batch norm scales. While it learns, a device needs at least 2 samples.
    """

    def __init__(self, hidden: int, out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, out, bias=False),
        )

    def forward(self, box: Tensor) -> Tensor:
        """Boxes ``[B, 4]`` xyxy in px of the template crop -> ``[B, out]``; where they lie is not read."""
        if self.training and len(box) < 2:
            raise ValueError(
                "MODEL.CORRELATION.BOX_PRIOR: its batch norms cannot learn from 1 sample; give every device at least "
                "2 (TRAIN.BATCH, TRAIN.DEVICE_BATCH)."
            )
        size = (box[:, 2:] - box[:, :2]).to(next(self.parameters()).dtype)
        encoded: Tensor = self.layers(size)
        return encoded


class Activation(nn.Module):
    """Batch norm, ReLU, 3x3 convolution, batch norm, ReLU: what follows the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.sum_bn = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(F.relu(self.sum_bn(x)))))


@correlations.register("asymmetric")
class AsymmetricCorrelation(Correlation):
    """A convolution over template and search laid on each other, split into one for either side.

    ``theta_z * z`` is a vector for each target, ``theta_x * x`` a map, and their sum what a kernel
    ``[theta_z, theta_x]`` would give on each window of the search with the template behind it. Any vector can join the
    sum: the box prior encodes how large the target is in the template crop, in training the box that augmentation left
    there. All that concerns the template is remembered as one vector. With 7x7 template and 31x31 search maps the
    result is 25x25.

    Args:
        channels: of the template's and the search's map.
        branch: the head's branch this one serves.
        hidden: channels of the embeddings and of the result.
        kernel: side of the kernels, cells: that of the embedded template's map.
        box_prior: add the encoding of the template's box.
        box_hidden: width of its layers.

    Raises:
        ConfigError: ``kernel`` does not cover the embedded template.

    Source: ACM (Han et al., CVPR 2021), section 3; wencheng256/SiamBAN-ACM ``models/head/ban.py``.
    """

    def __init__(
        self,
        channels: int,
        branch: str,
        *,
        hidden: int = 256,
        kernel: int = 5,
        box_prior: bool = True,
        box_hidden: int = 32,
    ) -> None:
        super().__init__()
        self.spec = FusedSpec(hidden)
        self.template = Embedding(channels, hidden, 3)
        self.search = Embedding(channels, hidden, 3)
        self.template_kernel = nn.Conv2d(hidden, hidden, kernel)
        self.search_kernel = nn.Conv2d(hidden, hidden, kernel, bias=False)
        self.box_prior = BoxPrior(box_hidden, hidden) if box_prior else None
        self.activation = Activation(hidden)

    def kernel(self, template: FeatureMap) -> tuple[Tensor, ...]:
        """``([B, hidden, 1, 1],)``: the template's part and the box's.

        Raises:
            ValueError: the box prior is on, but the template crop has no box.
        """
        embedded = self.template(template.map)
        side = self.template_kernel.kernel_size[0]
        if embedded.shape[-2:] != (side, side):
            raise ConfigError(
                f"MODEL.CORRELATION.KERNEL is {side}, but should be the side of the embedded template's map, which has "
                f"{embedded.shape[-2]} x {embedded.shape[-1]} cells (the template's map less 2)."
            )
        part: Tensor = self.template_kernel(embedded)
        if self.box_prior is None:
            return (part,)
        if template.box is None:
            raise ValueError(
                "MODEL.CORRELATION.BOX_PRIOR is on, but the template crop has no box; give Crop(pixels, box) with box "
                "[B, 4] xyxy in px of the crop."
            )
        return (part + self.box_prior(template.box)[:, :, None, None],)

    def forward(self, kernels: Sequence[tuple[Tensor, ...]], search: FeatureMap) -> Fused:
        ((vector,),) = kernels
        response = self.search_kernel(self.search(search.map)) + vector
        return Fused(self.activation(response), search.size, search.stride)
