"""Starting from other people's weights: what is folded is folded exactly, what does not fit is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from siamtrack.config import ConfigError, load
from siamtrack.models import build_network
from siamtrack.models.pretrained import load_pretrained, start_from_pretrained
from siamtrack.models.slots import backbones
from siamtrack.models.weights import WeightsError

MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(3, 1, 1)


def shake(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.weight.data.uniform_(0.5, 1.5, generator=generator)
            part.running_var.uniform_(0.5, 1.5, generator=generator)
            part.bias.data.uniform_(-0.3, 0.3, generator=generator)
            part.running_mean.uniform_(-0.3, 0.3, generator=generator)
    return network.double().eval()


class EverySecond(nn.Module):
    """The cells 1, 3, 5, ... that an unpadded 3x3 window of stride 2 is centred on."""

    def forward(self, x: Tensor) -> Tensor:
        return x[..., 1:-1:2, 1:-1:2]


def test_folded_resnet_equals_the_composition(tmp_path: Path) -> None:
    torch.manual_seed(3)
    reference = shake(torchvision.models.resnet50(replace_stride_with_dilation=[False, True, True]))
    file = tmp_path / "resnet50.pth"
    torch.save(reference.state_dict(), file)
    ours = backbones.build({"NAME": "resnet50"}).double().eval()
    report = load_pretrained(ours, "torchvision-folded", file)
    assert sorted(report.adapted) == [
        "bn1.running_mean",
        "conv1.weight",
        *(f"layer{i}.0.downsample.0.weight" for i in (2, 3, 4)),
    ]
    assert (len(report.loaded), report.unused) == (318, ("fc.bias", "fc.weight"))

    torch.manual_seed(4)
    rgb = torch.randint(0, 256, (2, 3, 127, 127)).double()
    reference.conv1.padding = reference.layer2[0].conv2.padding = (0, 0)
    convolution, norm = reference.layer2[0].downsample
    convolution.stride = (1, 1)
    reference.layer2[0].downsample = nn.Sequential(EverySecond(), convolution, norm)
    with torch.no_grad():
        x = reference.maxpool(reference.relu(reference.bn1(reference.conv1((rgb / 255 - MEAN) / STD))))
        expected = []
        for layer in (reference.layer1, reference.layer2, reference.layer3, reference.layer4):
            x = layer(x)
            expected.append(x)
        actual = ours(rgb.flip(1))
    for ours_map, theirs in zip(actual, expected[1:], strict=True):
        torch.testing.assert_close(ours_map, theirs, rtol=0, atol=1e-9 * float(theirs.abs().max()))


def test_folded_mobilenet_equals_the_composition(tmp_path: Path) -> None:
    torch.manual_seed(5)
    reference = shake(torchvision.models.mobilenet_v2())
    torch.save(reference.state_dict(), tmp_path / "mobilenet.pth")
    ours = backbones.build({"NAME": "mobilenet_v2"}).double().eval()
    report = load_pretrained(ours, "torchvision-folded", tmp_path / "mobilenet.pth")
    assert all(name.startswith(("features.18.", "classifier.")) for name in report.unused)

    dilations = {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1}  # of the 3x3 in features.N, from pysot's table
    dilations |= dict.fromkeys((8, 9, 10, 11, 12, 13, 14), 2) | dict.fromkeys((15, 16, 17), 4)
    reference.features[0][0].padding = (0, 0)
    for index, dilation in dilations.items():
        depthwise = reference.features[index].conv[0 if index == 1 else 1][0]
        strided = depthwise.stride == (2, 2) and index <= 4
        depthwise.stride = (2, 2) if strided else (1, 1)
        depthwise.dilation = (dilation, dilation)
        depthwise.padding = (0, 0) if strided else (dilation, dilation)
    rgb = torch.randint(0, 256, (1, 3, 127, 127)).double()
    with torch.no_grad():
        x = (rgb / 255 - MEAN) / STD
        outputs = [x := feature(x) for feature in reference.features[:18]]
        actual = ours(rgb.flip(1))
    for ours_map, theirs in zip(actual, (outputs[6], outputs[13], outputs[17]), strict=True):
        torch.testing.assert_close(ours_map, theirs, rtol=0, atol=1e-9 * float(theirs.abs().max()))


@pytest.mark.parametrize("prefix", ["", "module.", "features.", "module.features.", "backbone."])
@pytest.mark.parametrize("nested", [False, True])
def test_pysot_file_loads_under_any_usual_prefix(tmp_path: Path, prefix: str, nested: bool) -> None:
    torch.manual_seed(6)
    source = backbones.build({"NAME": "resnet18", "USED_LAYERS": [2, 3, 4]})
    state = {prefix + name: tensor for name, tensor in source.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3} if nested else state, tmp_path / "resnet18.model")
    target = backbones.build({"NAME": "resnet18", "USED_LAYERS": [2, 3]})
    report = load_pretrained(target, "pysot", tmp_path / "resnet18.model")
    assert report.adapted == {}
    assert report.unused
    assert all(name.startswith("layer4.") for name in report.unused)
    for name, tensor in target.state_dict().items():
        assert torch.equal(tensor, source.state_dict()[name]), name


def test_alexnet_names_begin_like_a_prefix(tmp_path: Path) -> None:
    source = backbones.build({"NAME": "alexnet", "WIDTH": 0.1})
    torch.save(source.state_dict(), tmp_path / "alexnet.pth")
    target = backbones.build({"NAME": "alexnet", "WIDTH": 0.1})
    report = load_pretrained(target, "pysot", tmp_path / "alexnet.pth")
    assert len(report.loaded) == len(source.state_dict())
    assert torch.equal(target.features[0].weight, source.features[0].weight)


def test_files_of_old_pytorch_have_no_counters(tmp_path: Path) -> None:
    source = backbones.build({"NAME": "resnet18"})
    save_file(
        {n: t.contiguous() for n, t in source.state_dict().items() if "num_batches" not in n},
        tmp_path / "old.safetensors",
    )
    target = backbones.build({"NAME": "resnet18"})
    load_pretrained(target, "pysot", tmp_path / "old.safetensors")
    assert torch.equal(target.layer4[1].conv2.weight, source.layer4[1].conv2.weight)


def test_a_torchvision_file_taken_for_pysots_is_recognised(tmp_path: Path) -> None:
    target = backbones.build({"NAME": "resnet50"})
    before = target.conv1.weight.clone()
    torch.save(torchvision.models.resnet50().state_dict(), tmp_path / "plain.pth")
    with pytest.raises(WeightsError, match=r"set MODEL\.BACKBONE\.PRETRAINED_AS torchvision-folded"):
        load_pretrained(target, "pysot", tmp_path / "plain.pth")
    assert torch.equal(target.conv1.weight, before), "a refused file must change nothing"


def test_the_wrong_network_is_refused(tmp_path: Path) -> None:
    torch.save(backbones.build({"NAME": "resnet18"}).state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(
        WeightsError, match=r"resnet18.pth: taken as pysot, it lacks \d+ of the 318 tensors of ResNet50"
    ):
        load_pretrained(backbones.build({"NAME": "resnet50"}), "pysot", tmp_path / "resnet18.pth")


@pytest.mark.parametrize(
    ("shape", "source", "right"),
    [("pysot", "torchvision", "torchvision-folded"), ("torchvision", "pysot", "give torchvision"),
     ("torchvision", "torchvision-folded", "give torchvision")],
)  # fmt: skip
def test_a_kind_that_does_not_fit_the_shape_is_refused(tmp_path: Path, shape: str, source: str, right: str) -> None:
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(ConfigError, match=right):
        load_pretrained(backbones.build({"NAME": "resnet18", "SHAPE": shape}), source, tmp_path / "resnet18.pth")


SMALL = ("MODEL.BACKBONE.NAME", "resnet18", "MODEL.BACKBONE.USED_LAYERS", "[2]")
RGB = ("MODEL.PIXELS.ORDER", "rgb", "MODEL.PIXELS.MEAN", "[123.675, 116.28, 103.53]",
       "MODEL.PIXELS.STD", "[58.395, 57.12, 57.375]")  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "shape", "pixels", "right"),
    [
        ("torchvision-folded", "pysot", (), True),
        ("torchvision-folded", "pysot", RGB, False),
        ("torchvision", "torchvision", RGB, True),
        ("torchvision", "torchvision", (), False),
    ],
)
def test_pixels_must_be_what_the_weights_know(
    tmp_path: Path, kind: str, shape: str, pixels: tuple[str, ...], right: bool
) -> None:
    theirs = torchvision.models.resnet18()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    pairs = ("MODEL.BACKBONE.SHAPE", shape, "MODEL.BACKBONE.PRETRAINED", str(tmp_path / "resnet18.pth"))
    network = build_network(load(None, (*SMALL, *pairs, "MODEL.BACKBONE.PRETRAINED_AS", kind, *pixels)))
    if right:
        report = start_from_pretrained(network)
        assert report is not None
        assert torch.equal(network.backbone.layer2[1].conv2.weight, theirs.layer2[1].conv2.weight)
    else:
        with pytest.raises(ConfigError, match=r"MODEL\.PIXELS: weights of kind"):
            start_from_pretrained(network)


def test_nothing_is_loaded_where_nothing_is_named() -> None:
    assert start_from_pretrained(build_network(load(None, SMALL))) is None
    assert start_from_pretrained(build_network(load(None, ("MODEL.BACKBONE.NAME", "convnet")))) is None
