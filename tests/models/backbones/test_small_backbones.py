"""MobileNetV2, AlexNet and the plain convolutional network: shapes, counts, refusals."""

from __future__ import annotations

import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.models.slots import backbones


@pytest.mark.parametrize(
    ("section", "channels", "template", "search", "parameters"),
    [
        # torchvision's mobilenet_v2.features without its last convolution (411,136 + 768), with the first expansion
        ({"NAME": "mobilenet_v2"}, (32, 96, 320), 15, 31, 2_223_872 - 412_160 + 32 * 32 + 64),
        ({"NAME": "alexnet"}, (256,), 6, 22, 3_747_200 + 2 * 1376),  # convolutions with bias, five batch norms
        ({"NAME": "convnet"}, (128,), 15, 31, None),
        ({"NAME": "convnet", "USED_LAYERS": [3, 5]}, (96, 128), 15, 31, None),
        ({"NAME": "convnet", "STEM": 7}, (128,), 15, 31, None),
    ],
)
def test_shapes(section: dict, channels: tuple[int, ...], template: int, search: int, parameters: int | None) -> None:
    network = backbones.build(section).eval()
    assert (network.channels, network.stride) == (channels, 8)
    with torch.no_grad():
        for side, cells in ((127, template), (255, search)):
            maps = network(torch.randn(1, 3, side, side))
            assert [tuple(m.shape) for m in maps] == [(1, c, cells, cells) for c in channels]
    if parameters is not None:
        assert sum(p.numel() for p in network.parameters()) == parameters


def test_widths_scale() -> None:
    assert backbones.build({"NAME": "mobilenet_v2", "WIDTH": 1.4}).channels == (44, 134, 448)
    assert backbones.build({"NAME": "alexnet", "WIDTH": 0.5}).channels == (128,)


def test_alexnet_has_the_originals_names() -> None:
    names = [n for n in backbones.build({"NAME": "alexnet"}).state_dict() if n.endswith(".weight")]
    assert names == [f"features.{i}.weight" for i in (0, 1, 4, 5, 8, 9, 11, 12, 14, 15)]


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"NAME": "convnet", "WIDTHS": [8, 8], "STRIDES": [2]}, "one stride for each"),
        ({"NAME": "convnet", "WIDTHS": [8], "STRIDES": [3]}, "1 or 2"),
        ({"NAME": "convnet", "WIDTHS": [], "STRIDES": []}, "one stride for each"),
        ({"NAME": "convnet", "STEM": 4}, "odd"),
        ({"NAME": "convnet", "USED_LAYERS": [6]}, "ascending"),
        ({"NAME": "mobilenet_v2", "USED_LAYERS": [2, 3]}, "differ in stride"),
        ({"NAME": "mobilenet"}, "mobilenet_v2"),
    ],
)
def test_impossible_options_are_refused(section: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        backbones.build(section)
