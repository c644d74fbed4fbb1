"""The ResNets against the original's outputs, torchvision's networks and the published counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from siamtrack.config import ConfigError
from siamtrack.models.slots import backbones
from tests.external import external
from tests.fixtures.parity import seeded


def build(name: str = "resnet50", **options: object) -> nn.Module:
    return backbones.build({"NAME": name, **options}).eval()


def shake(network: nn.Module) -> None:
    """Batch norms that do something."""
    generator = torch.Generator().manual_seed(0)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor, low, high in ((part.weight, 0.5, 1.5), (part.running_var, 0.5, 1.5)):
                tensor.data.uniform_(low, high, generator=generator)
            for tensor in (part.bias, part.running_mean):
                tensor.data.uniform_(-0.3, 0.3, generator=generator)


def multiplications(network: nn.Module, side: int) -> int:
    """Multiply-adds of the convolutions for one crop."""
    total = 0

    def count(layer: nn.Conv2d, _: object, out: Tensor) -> None:
        nonlocal total
        total += out.shape[-1] * out.shape[-2] * layer.weight.numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    network.to("meta")(torch.empty(1, 3, side, side, device="meta"))
    return total


@pytest.fixture(scope="module")
def original() -> nn.Module:
    about, _ = seeded.load("siamban_r50_l234", external("PARITY"))
    state = {k: torch.from_numpy(v) for k, v in seeded.state_dict(about).items() if k.startswith("backbone.")}
    network = build()
    network.load_state_dict({k.removeprefix("backbone."): v for k, v in state.items()}, strict=True)
    return network


@pytest.mark.parametrize(("which", "side", "cells"), [("template", 127, 15), ("search", 255, 31)])
def test_outputs_are_the_originals(original: nn.Module, which: str, side: int, cells: int) -> None:
    about, stored = seeded.load("siamban_r50_l234", external("PARITY"))
    case = about["cases"]["forward_eval"]
    images = np.stack([seeded.image(name, side, side) for name in case["inputs"][which]])  # BGR
    with torch.no_grad():
        maps = original(torch.from_numpy(images).permute(0, 3, 1, 2).float())
    assert [tuple(m.shape) for m in maps] == [(2, c, cells, cells) for c in (512, 1024, 2048)]
    for layer, feature in zip((2, 3, 4), maps, strict=True):
        error = seeded.error(feature.numpy(), stored[f"forward_eval/backbone/{which}/p{layer}"])
        assert error <= case["tolerance"]["default"]


def test_counts_are_the_published_ones() -> None:
    network = build()
    assert sum(p.numel() for p in network.parameters()) == 45_528_128
    assert multiplications(network, 127) == pytest.approx(10.446e9, abs=1e6)
    assert multiplications(build(), 255) == pytest.approx(44.579e9, abs=1e6)
    assert multiplications(build(SHORTCUT="1x1"), 255) == pytest.approx(24.43e9, abs=1e7)


@pytest.mark.parametrize(
    ("name", "stride", "dilate"),
    [
        ("resnet50", 8, (False, True, True)),
        ("resnet101", 16, (False, False, True)),
        ("resnet50", 32, (False, False, False)),
        ("resnet18", 32, (False, False, False)),
        ("resnet34", 32, (False, False, False)),
    ],
)
def test_torchvision_shape_is_torchvisions(name: str, stride: int, dilate: tuple[bool, ...]) -> None:
    options = {"replace_stride_with_dilation": dilate} if any(dilate) else {}
    reference = getattr(torchvision.models, name)(**options).eval()
    shake(reference)
    ours = build(name, SHAPE="torchvision", STRIDE=stride, USED_LAYERS=[4])
    state = {k: v for k, v in reference.state_dict().items() if not k.startswith("fc.")}
    ours.load_state_dict(state, strict=True)
    pixels = torch.randn(1, 3, 127, 127)
    with torch.no_grad():
        x = reference.maxpool(reference.relu(reference.bn1(reference.conv1(pixels))))
        expected = reference.layer4(reference.layer3(reference.layer2(reference.layer1(x))))
        (actual,) = ours(pixels)
    torch.testing.assert_close(actual, expected, rtol=0, atol=0)
    assert (ours.stride, actual.shape[-1]) == (stride, 128 // stride)


def test_frozen_norm_is_batch_norm_with_kept_statistics() -> None:
    batch, frozen = build(USED_LAYERS=[2]), build(USED_LAYERS=[2], NORM="frozen").train()
    shake(batch)
    frozen.load_state_dict({k: v for k, v in batch.state_dict().items() if "num_batches" not in k}, strict=True)
    pixels = torch.randn(2, 3, 63, 63, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(frozen.double()(pixels)[0], batch.double()(pixels)[0], rtol=0, atol=1e-10)
    assert not [name for name, _ in frozen.named_parameters() if "bn" in name or "downsample.1" in name]


@pytest.mark.parametrize(
    ("name", "narrow"), [("resnet18", 128), ("resnet34", 128), ("resnet50", 512), ("resnet101", 512)]
)
def test_every_depth_gives_three_levels_of_one_grid(name: str, narrow: int) -> None:
    network = build(name)
    with torch.no_grad():
        maps = network(torch.randn(1, 3, 127, 127))
    assert network.channels == tuple(m.shape[1] for m in maps) == (narrow, 2 * narrow, 4 * narrow)
    assert {tuple(m.shape[2:]) for m in maps} == {(15, 15)}


def test_layers_above_the_last_used_one_do_not_exist() -> None:
    network = build("resnet18", USED_LAYERS=[3])
    layers = {name.split(".")[0] for name in network.state_dict()}
    assert "layer3" in layers
    assert "layer4" not in layers


def test_starts_with_fan_out_variance() -> None:
    layer = build().layer4[0].conv2  # 512 out, 3x3
    assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / (9 * 512)), rel=0.01)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"USED_LAYERS": [1, 2]}, "differ in stride"),
        ({"USED_LAYERS": [3, 2]}, "ascending"),
        ({"USED_LAYERS": [5]}, "4 \\(stride 8\\)"),
        ({"USED_LAYERS": []}, "ascending"),
        ({"STRIDE": 16}, "needs SHAPE torchvision"),
        ({"SHAPE": "torchvision", "SHORTCUT": "3x3"}, "needs SHAPE pysot"),
        ({"SHAPE": "torchvison"}, "MODEL.BACKBONE.SHAPE"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        build("resnet18", **options)
