"""MobileNetV3-small in NanoTrack's form: shapes, counts, widths; equality with the original is in tests/parity."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from siamtrack.config import ConfigError
from siamtrack.models.backbones.mobilenet_v3 import MobileNetV3Small, SqueezeExcitation, make_divisible
from siamtrack.models.pretrained import load_pretrained
from siamtrack.models.slots import backbones


@pytest.mark.parametrize(("layer", "channels", "parameters"), [(8, 48, 190520), (9, 96, 282368)])
def test_shapes_and_counts_are_those_of_the_released_networks(layer: int, channels: int, parameters: int) -> None:
    network = backbones.build({"NAME": "mobilenet_v3_small", "USED_LAYERS": [layer]}).eval()
    assert (network.channels, network.stride) == ((channels,), 16)
    with torch.no_grad():
        for side, cells in ((127, 8), (255, 16)):
            (features,) = network(torch.randn(1, 3, side, side))
            assert features.shape == (1, channels, cells, cells)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_several_levels_of_one_stride() -> None:
    network = MobileNetV3Small(used_layers=(4, 6, 9)).eval()
    with torch.no_grad():
        maps = network(torch.randn(1, 3, 64, 64))
    assert [m.shape[1] for m in maps] == list(network.channels) == [40, 40, 96]
    assert {m.shape[2:] for m in maps} == {(4, 4)}


def test_levels_of_different_strides_are_refused() -> None:
    with pytest.raises(ConfigError, match="differ in stride"):
        MobileNetV3Small(used_layers=(3, 8))


@given(st.floats(0, 4000))
def test_widths_are_divisible_and_hardly_smaller(value: float) -> None:
    width = make_divisible(value)
    assert width % 8 == 0
    assert width >= max(8, 0.9 * value)
    assert width < value + 12


@pytest.mark.parametrize(("channels", "squeezed"), [(16, 8), (96, 24), (240, 64), (120, 32), (144, 40), (288, 72)])
def test_squeezed_widths_are_the_originals(channels: int, squeezed: int) -> None:
    assert SqueezeExcitation(channels).fc[0].out_features == squeezed


def test_initial_linear_layers_are_small() -> None:
    torch.manual_seed(0)
    weights = torch.cat([m.weight.flatten() for m in MobileNetV3Small().modules() if isinstance(m, torch.nn.Linear)])
    assert float(weights.std()) == pytest.approx(0.01, rel=0.05)


def test_a_file_of_the_whole_imagenet_network_starts_it(tmp_path) -> None:
    whole = MobileNetV3Small(used_layers=(9,))
    state = {
        **whole.state_dict(),
        "conv.0.0.weight": torch.zeros(576, 96, 1, 1),
        "classifier.3.bias": torch.zeros(1000),
    }
    torch.save(state, tmp_path / "small.pth")
    own = MobileNetV3Small(used_layers=(8,))
    report = load_pretrained(own, "pysot", tmp_path / "small.pth")
    assert len(report.loaded) == len(own.state_dict())
    assert "classifier.3.bias" in report.unused
    assert torch.equal(own.features[8].conv[0].weight, whole.features[8].conv[0].weight)
