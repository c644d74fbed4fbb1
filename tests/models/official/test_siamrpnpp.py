"""SiamRPN++'s and SiamFC's released checkpoints become ours to the last tensor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from siamtrack import config
from siamtrack.models import build_network
from siamtrack.models.convert import convert, map_state
from siamtrack.models.official import SYSTEMS
from siamtrack.models.weights import WeightsError, read_weights
from tests.external import external
from tests.fixtures.parity import seeded

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def official(fixture: str) -> dict[str, torch.Tensor]:
    about, _ = seeded.load(fixture, external("PARITY"))
    return {name: torch.from_numpy(value.copy()) for name, value in seeded.state_dict(about).items()}


@pytest.mark.parametrize(
    ("system", "name", "summary"),
    [
        ("siamrpnpp", "siamrpnpp/r50", "siamrpnpp: 458 official tensors: 318 kept, 140 renamed"),
        ("siamfc", "siamfc/alexnet", "siamfc: 30 official tensors: 30 kept"),
    ],
)
def test_a_released_file_fills_the_network(system: str, name: str, summary: str, tmp_path: Path) -> None:
    file, output = tmp_path / "model.pth", tmp_path / "ours.safetensors"
    state = official(system)
    torch.save({"epoch": 20, "state_dict": {f"module.{key}": tensor for key, tensor in state.items()}}, file)
    cfg = config.load(CONFIGS / f"{name}.yaml")
    report = convert(file, cfg, output)
    assert report.summary() == summary
    back = read_weights(output)
    build_network(cfg).load_state_dict(back.state, strict=True)
    assert len({row.ours for row in report.rows}) == len(back.state)
    for row in report.rows:
        assert torch.equal(back.state[row.ours], state[row.official])
    assert back.meta["source"] == SYSTEMS[system].source


def test_the_otb_file_has_no_level_weights(tmp_path: Path) -> None:
    state = official("siamrpnpp")
    network = build_network(config.load(CONFIGS / "siamrpnpp/r50_otb.yaml"))
    problems = {row.official for row in map_state(state, network.state_dict(), "siamrpnpp").problems}
    assert problems == {"rpn_head.cls_weight", "rpn_head.loc_weight"}
    for name in problems:
        del state[name]
    assert map_state(state, network.state_dict(), "siamrpnpp").problems == ()


def test_files_with_one_level() -> None:
    """AlexNet's: no neck, no level in the names; built from our network's names, since no fixture holds one."""
    network = build_network(config.load(CONFIGS / "siamrpnpp/alexnet.yaml"))
    layers = {"conv": "0", "bn": "1", "out": "3"}
    sides = {"template": "conv_kernel", "search": "conv_search"}
    theirs = {}
    for ours, tensor in network.state_dict().items():
        part, *rest = ours.split(".")
        if part == "correlations":
            _, branch, side, layer, leaf = rest
            theirs[f"rpn_head.{branch}.{sides[side]}.{layers[layer]}.{leaf}"] = tensor
        elif part == "head":
            _, _, branch, layer, leaf = rest
            theirs[f"rpn_head.{branch}.head.{layers[layer]}.{leaf}"] = tensor
        else:
            theirs[ours] = tensor
    assert len(theirs) == len(network.state_dict())
    assert map_state(theirs, network.state_dict(), "siamrpnpp").problems == ()


def test_files_with_the_up_channel_head() -> None:
    about, _ = seeded.load("siamrpnpp", external("PARITY"))
    network = build_network(config.load(CONFIGS / "siamrpnpp/alexnet_up_channel.yaml"))
    own = network.state_dict()
    theirs = {name: tensor for name, tensor in own.items() if name.startswith("backbone.")}
    for name, *_ in about["state_up_channel"]:
        ours = SYSTEMS["siamrpnpp"].rename(f"rpn_head.{name}")
        assert ours in own
        theirs[f"rpn_head.{name}"] = own[ours]
    assert map_state(theirs, own, "siamrpnpp").problems == ()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("neck.downsample3.downsample.1.bias", "neck.levels.1.bn.bias"),
        ("neck.downsample.downsample.0.weight", "neck.levels.0.conv.weight"),
        ("rpn_head.rpn4.loc.conv_search.1.running_var", "correlations.2.loc.search.bn.running_var"),
        ("rpn_head.rpn2.cls.head.3.bias", "head.levels.0.cls.out.bias"),
        ("rpn_head.cls.conv_kernel.0.weight", "correlations.0.cls.template.conv.weight"),
        ("rpn_head.template_loc_conv.bias", "correlations.0.loc.template.bias"),
        ("rpn_head.loc_adjust.weight", "correlations.0.loc.adjust.weight"),
        ("rpn_head.loc_weight", "head.loc_weight"),
        ("rpn_head.loc_scale", None),
        ("head.box2.cls.conv_kernel.0.weight", None),
    ],
)
def test_rules(theirs: str, ours: str | None) -> None:
    assert SYSTEMS["siamrpnpp"].rename(theirs) == ours


def test_siamban_weights_do_not_pass_for_siamrpnpp(tmp_path: Path) -> None:
    file = tmp_path / "model.pth"
    torch.save(official("siamban_r50_l234"), file)
    with pytest.raises(WeightsError, match="does not fill the network"):
        convert(file, config.load(CONFIGS / "siamrpnpp/r50.yaml"), tmp_path / "ours.safetensors")
