"""Where a cell looks: the centre of its receptive field against the one grid of the house."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from siamtrack.contracts import FeatureMap, grid_points
from siamtrack.models.slots import backbones


def centre_of_cell(network: nn.Module, size: int, row: int, column: int, level: int = -1) -> tuple[float, float]:
    """x and y of the middle of what a cell sees, from the gradient of a network of ones."""
    for parent in list(network.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, nn.MaxPool2d):  # a maximum has one winner; an average sees its whole window
                setattr(parent, name, nn.AvgPool2d(part.kernel_size, part.stride, part.padding))
            elif isinstance(part, (nn.ReLU, nn.ReLU6, nn.BatchNorm2d)):
                setattr(parent, name, nn.Identity())
            elif isinstance(part, nn.Conv2d):
                nn.init.constant_(part.weight, 1.0 / part.weight[0].numel())
    network.double()
    pixels = torch.zeros(1, 3, size, size, dtype=torch.float64, requires_grad=True)
    network(pixels)[level][0, 0, row, column].backward()
    seen = pixels.grad[0, 0] > 0
    ys, xs = (seen.any(1).nonzero()[:, 0], seen.any(0).nonzero()[:, 0])
    assert xs[0] > 0, "the window is cut by the border, so its middle says nothing"
    assert xs[-1] < size - 1
    return float(xs[0] + xs[-1]) / 2, float(ys[0] + ys[-1]) / 2


@pytest.mark.parametrize(
    ("options", "size", "beside"),
    [
        ({"NAME": "resnet18", "USED_LAYERS": [2]}, 255, 0),
        ({"NAME": "resnet50", "USED_LAYERS": [2]}, 191, 0),
        ({"NAME": "resnet18", "USED_LAYERS": [3]}, 511, 0),
        ({"NAME": "resnet18", "USED_LAYERS": [2], "SHAPE": "torchvision"}, 256, 0),
        ({"NAME": "resnet18", "USED_LAYERS": [2], "SHAPE": "torchvision"}, 255, 1),
        ({"NAME": "resnet18", "USED_LAYERS": [3], "SHAPE": "torchvision", "STRIDE": 16}, 480, 0),
        ({"NAME": "mobilenet_v2", "USED_LAYERS": [3]}, 255, 0),
        ({"NAME": "convnet"}, 255, 0),
        ({"NAME": "convnet", "STEM": 7}, 127, 0),
        ({"NAME": "convnet", "STRIDES": [1, 2, 2], "WIDTHS": [4, 4, 4]}, 127, 0),
        ({"NAME": "alexnet"}, 255, 4),
    ],
)
def test_a_cell_sees_what_lies_around_its_point(options: dict[str, object], size: int, beside: int) -> None:
    network = backbones.build(options)
    with torch.no_grad():
        cells = network(torch.zeros(1, 3, size, size))[-1].shape[-1]
    row, column = cells // 2, cells // 2 + 1
    x, y = grid_points(cells, cells, size, network.stride)[:, row, column].tolist()
    seen = centre_of_cell(network, size, row, column)
    assert seen == (x + beside, y + beside)


@pytest.mark.parametrize(
    ("options", "kept", "beside"),
    [
        ({"NAME": "resnet18"}, 7, 0),
        ({"NAME": "resnet18", "SHAPE": "torchvision"}, 8, 0),
        ({"NAME": "resnet18", "SHAPE": "torchvision"}, 7, -8),
        ({"NAME": "mobilenet_v2", "USED_LAYERS": [3]}, 7, 0),
        ({"NAME": "alexnet"}, 6, 0),
        ({"NAME": "convnet"}, 7, 0),
    ],
)
def test_a_response_lies_on_the_grid(options: dict[str, object], kept: int, beside: int) -> None:
    """The cell where a template is found again is the one whose point is the target's centre."""
    torch.manual_seed(0)
    network = backbones.build({"USED_LAYERS": [2], **options} if "resnet" in str(options["NAME"]) else options).eval()
    frame = nn.functional.interpolate(torch.rand(1, 3, 128, 128), scale_factor=4, mode="bilinear")
    target, moved = (250, 262), (24, -16)  # x, y in the frame; from the search's centre to the target
    sides = {127: target, 255: (target[0] - moved[0], target[1] - moved[1])}
    crops = {n: frame[..., y - n // 2 : y + n // 2 + 1, x - n // 2 : x + n // 2 + 1] for n, (x, y) in sides.items()}
    with torch.no_grad():
        template = FeatureMap(network(crops[127])[0], 127, 8).center(kept).map
        search = network(crops[255])[0]
        windows = nn.functional.unfold(search, kept)  # [1, C kept kept, cells]
        distance = (windows - template.flatten()[None, :, None]).square().sum(1)[0]
    cells = search.shape[-1] - kept + 1
    row, column = divmod(int(distance.argmin()), cells)
    x, y = grid_points(cells, cells, 255, 8)[:, row, column].tolist()
    assert (x - 127, y - 127) == (moved[0] + beside, moved[1] + beside)
