"""Backbones that can start from somebody else's weights, and what makes ImageNet weights fit the trackers' networks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from siamtrack.models.slots import Backbone

# of RGB on 0..1, what torchvision's ImageNet weights were trained with
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class PretrainedBackbone(Backbone):
    """A backbone whose options name a file with weights to start training from.

    Building does not read the file, because a network that is built for a trained checkpoint must not need it:
    :func:`siamtrack.models.pretrained.load_pretrained` reads it.

    Attributes:
        pretrained: path of the file; "" to start from the random initialisation.
        pretrained_as: what kind of file it is (the class's options say which kinds there are).
    """

    pretrained: str
    pretrained_as: str

    def adapt(self, state: Mapping[str, Tensor], source: str) -> tuple[dict[str, Tensor], dict[str, str]]:
        """A file's tensors under this backbone's names.

        Args:
            state: tensors of the file, without the prefix of a surrounding model.
            source: one of the kinds that ``pretrained_as`` takes.

        Returns:
            The tensors, and for every one that is not simply the file's own its name and what was done to it.

        Raises:
            ConfigError: this backbone, built as it is, cannot take that kind.
        """
        raise NotImplementedError


def fold_pixels(weight: Tensor, running_mean: Tensor) -> tuple[Tensor, Tensor]:
    """A stem for BGR 0..255 from one for normalised RGB.

    Exact wherever the stem does not pad: a padded zero would stand for the mean colour before, for black after.

    Args:
        weight: ``[out, 3, k, k]`` of the first convolution (without bias), for RGB normalised with ImageNet's mean and
            standard deviation.
        running_mean: ``[out]`` of the batch norm behind it.

    Returns:
        Both, for BGR 0..255.
    """
    mean = torch.tensor(IMAGENET_MEAN, dtype=torch.float64).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, dtype=torch.float64).view(1, 3, 1, 1)
    exact = weight.double() / std
    folded = (exact / 255.0).flip(1).to(weight.dtype)
    # batch norm subtracts its mean, so what the convolution no longer subtracts goes there
    shifted = running_mean.double() + (exact * mean).sum((1, 2, 3))
    return folded, shifted.to(running_mean.dtype)


def widen_kernel(weight: Tensor, side: int = 3) -> Tensor:
    """A 1x1 kernel ``[out, in, 1, 1]`` in the centre of a ``side`` x ``side`` one that is zero elsewhere."""
    border = side // 2
    return torch.nn.functional.pad(weight, (border, border, border, border))
