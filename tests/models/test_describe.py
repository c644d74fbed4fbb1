"""What describing a network counts: against the counts measured on the originals, by hand, and over every config."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from siamtrack import config
from siamtrack.cli import main
from siamtrack.config import ConfigError
from siamtrack.models.build import build_network, dry_run
from siamtrack.models.describe import describe

ROOT = Path(__file__).resolve().parents[2] / "configs"
CONFIGS = [  # variants of another file are left to the whole suite
    pytest.param(str(path.relative_to(ROOT)), marks=[pytest.mark.slow] if "_BASE_" in path.read_text() else [])
    for path in sorted(ROOT.rglob("*.yaml"))
]
SMALL = [
    "MODEL.BACKBONE.NAME", "convnet", "MODEL.NECK.OUT", "16", "MODEL.CORRELATION.HIDDEN", "16",
    "MODEL.HEAD.HIDDEN", "16",
]  # fmt: skip


def described(name: str, templates: int = 1, *overrides: str):
    return describe(config.load(ROOT / name, overrides), templates)


def joined(description) -> tuple[int, int, int]:
    """Parameters, template and frame MACs of correlation and head together: what the originals call the head."""
    parts = description.part("correlation"), description.part("head")
    return tuple(sum(v) for v in zip(*((p.parameters, p.template.macs, p.frame.macs) for p in parts), strict=True))


def giga(macs: int, digits: int = 3) -> float:
    return round(macs / 1e9, digits)


# The originals' counts ----------------------------------------------------------------------------------------------


def test_siamban():
    d = described("siamban/r50.yaml")
    backbone, neck = d.part("backbone"), d.part("neck")
    parameters, kernels, head = joined(d)
    assert (backbone.parameters, neck.parameters, parameters, d.parameters) == (45528128, 919040, 7484955, 53932123)
    assert (giga(backbone.template.macs), giga(backbone.frame.macs)) == (10.446, 44.579)
    assert (giga(neck.template.macs), giga(neck.frame.macs)) == (0.206, 0.882)
    # measured on the original, whose head embeds the template in every frame; here that belongs to the template
    assert giga(kernels, 4) == 0.0885
    assert giga(kernels + head) == 3.337
    assert giga(d.frame_macs + kernels) == 48.798
    assert giga(d.template_macs + d.frame_macs) == 59.450


def test_the_correlation_itself_is_counted():
    d = described("siamban/r50.yaml")
    embeddings = 3 * 2 * 256 * 256 * 9 * 29 * 29
    products = 3 * 2 * 256 * 25 * 25 * 25
    assert d.part("correlation").frame.macs == embeddings + products
    assert giga(products, 4) == 0.0240


def test_siamban_acm():
    d = described("siamban_acm/r50.yaml")
    parameters, _, head = joined(d)
    assert (d.parameters, parameters) == (80382043, 33934875)
    assert (giga(d.frame_macs, 2), giga(d.template_macs, 2), giga(head, 2)) == (59.03, 10.75, 13.57)


def test_siampw_rbo_and_its_self_attention():
    assert joined(described("siampw_rbo/r50.yaml"))[0] == 7378450
    attention = described("siamsa_rbo/r50.yaml").part("enhancer")
    assert attention.parameters == 32898
    cells = 31 * 31
    per_level = 2 * 256 * 32 * cells + 32 * cells * cells + 256 * cells * cells
    assert attention.frame.macs == 2 * per_level


@pytest.mark.parametrize(
    ("version", "parameters", "convolutions", "backbone", "linear", "products"),
    [
        ("v1", 287966, 68225024, 11448832, 85504, 786432),
        ("v2", 334078, 76679168, 11448832, 85504, 1572864),
        ("v3", 541446, 105399488, 14563840, 126976, 3145728 + 691200),
    ],
)
def test_nanotrack(version, parameters, convolutions, backbone, linear, products):
    d = described(f"nanotrack/{version}.yaml")
    assert d.parameters == parameters
    assert d.part("backbone").template.macs == backbone + linear
    # the original embeds the template in every frame
    assert d.frame_macs + d.part("correlation").template.macs == convolutions + linear + products


@pytest.mark.parametrize(
    ("name", "templates", "parameters", "backbone", "frame", "template", "projection"),
    [
        ("s50", 1, 28095554, 8512704, 12.08, 1.09, 0.18),
        ("st50", 2, 28227395, 8512704, 12.80, 1.09, 0.21),
        ("st101", 2, 47167299, 27452608, 20.38, 2.30, 0.21),
    ],
)
def test_stark(name, templates, parameters, backbone, frame, template, projection):
    d = described(f"stark/{name}.yaml", templates)
    assert (d.parameters, d.part("backbone").parameters) == (parameters, backbone)
    assert giga(d.template_macs, 2) == template
    # the original's script leaves the attentions' output projections out
    assert d.frame_macs / 1e9 == pytest.approx(frame + projection, abs=0.011)


def test_siamcross():
    d = described("siamcross/r50.yaml")
    assert (giga(d.part("enhancer").frame.macs, 2), giga(d.frame_macs, 1)) == (0.13, 49.6)
    assert giga(joined(d)[2], 2) == pytest.approx(1.02 + 2.95 + 0.37, abs=0.02)  # embeddings, towers, alignment
    aligned = 256 * 256 * 9 * 25 * 25 + 256 * 25 * 25
    regular = described("siamcross/table6_scan_pca.yaml")
    assert d.frame_macs - regular.frame_macs == aligned
    narrow = described("siamcross/r50.yaml", 1, "MODEL.BACKBONE.SHORTCUT", "1x1")
    assert (giga(narrow.part("backbone").frame.macs, 2), giga(narrow.frame_macs, 1)) == (24.43, 29.4)


def test_scans_attention_is_counted():
    z, x, c = 15 * 15, 31 * 31, 256
    look_up, context = x * z * c + x * z, c * c * x + c * c * z
    assert described("siamcross/r50.yaml").part("enhancer").frame.macs == look_up + context


# Every configuration ------------------------------------------------------------------------------------------------


class Hooks:
    """Multiply-adds of convolutions and linear layers by hooks, each from its own weight and output."""

    def __init__(self, network: nn.Module) -> None:
        self.macs = 0
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                module.register_forward_hook(self.count)

    def count(self, module, given, out) -> None:
        places = out.numel() // module.weight.shape[0]
        self.macs += places * module.weight.numel()


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_is_described(name):
    """Parameters are the network's, and no layer is missed: hooks on them count at most what is described."""
    cfg = config.load(ROOT / name)
    d = describe(cfg)
    with torch.device("meta"):
        network = build_network(cfg).eval()
    assert d.parameters == sum(p.numel() for p in network.parameters())
    hooks = Hooks(network)
    dry_run(network, d.template_size, d.search_size)
    whole = d.template_macs + d.frame_macs
    assert 0 < hooks.macs <= whole
    assert d.part("head").frame.shapes
    json.dumps(d.to_dict())


def test_shapes_through_siamcross():
    d = described("siamcross/r50.yaml")
    assert d.part("backbone").template.shapes == {"0": (2048, 15, 15)}
    assert d.part("enhancer").frame.shapes == {"template 0": (256, 15, 15), "search 0": (256, 31, 31)}
    correlation = d.part("correlation").frame.shapes
    assert correlation == {
        "cls kernel": (256, 5, 5), "loc kernel": (256, 5, 5), "cls": (256, 25, 25), "loc": (256, 25, 25),
    }  # fmt: skip
    assert d.part("head").frame.shapes == {"logit": (25, 25), "ltrb": (4, 25, 25), "align": (25, 25)}
    assert not d.part("correlation").template.shapes  # recomputed in every frame, as the template changes with it


class Arithmetic(TorchDispatchMode):
    """The largest tensor that any operation made away from the meta device."""

    largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and not tensor.is_meta:
                self.largest = max(self.largest, tensor.numel())
        return result


def test_nothing_is_computed():
    with Arithmetic() as arithmetic:
        described("siamcross/r50.yaml")
    assert arithmetic.largest <= 2 * 31 * 31  # the grid of points, which is kept for later


# What does not fit --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("templates", "overrides"), [(2, []), (0, []), (2, ["MODEL.ENHANCER.NAME", "scan"])])
def test_a_wrong_number_of_templates_is_a_sentence(templates, overrides):
    with pytest.raises(ConfigError, match=f"{templates} templates: this network remembers 1"):
        describe(config.load(overrides=[*SMALL, *overrides]), templates)


def test_the_command_prints_and_writes_the_same(tmp_path, capsys):
    path = tmp_path / "out.json"
    cfg = str(ROOT / "siamban/r50.yaml")
    assert main(["model", "describe", "--cfg", cfg, "--json", str(path), *SMALL]) == 0
    written, printed = json.loads(path.read_text()), capsys.readouterr().out
    assert [part["slot"] for part in written["parts"]] == ["backbone", "neck", "enhancer", "correlation", "head"]
    assert f"{written['total']['parameters']:,}" in printed
    assert written["convention"] in printed
    assert written["parts"][4]["frame"]["shapes"] == {"logit": [25, 25], "ltrb": [4, 25, 25]}


@pytest.mark.parametrize(("given", "templates"), [((), 2), (("--templates", "1"), 1)])
def test_as_many_templates_as_the_tracker_keeps(tmp_path, given, templates):
    path = tmp_path / "out.json"
    assert main(["model", "describe", "--cfg", str(ROOT / "stark/st50.yaml"), "--json", str(path), *given]) == 0
    assert json.loads(path.read_text())["templates"] == templates


def test_a_mistake_in_the_configuration_is_a_sentence(capsys):
    assert main(["model", "describe", "--cfg", str(ROOT / "siamban/r50.yaml"), "MODEL.HEAD.HIDEN", "8"]) == 2
    assert "siamtrack model: " in capsys.readouterr().err
