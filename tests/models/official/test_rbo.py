"""RBO's released checkpoints become ours to the last tensor."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from siamtrack import config
from siamtrack.models import build_network
from siamtrack.models.convert import convert
from siamtrack.models.official import SYSTEMS
from siamtrack.models.weights import WeightsError, read_weights
from tests.external import external
from tests.fixtures.parity import seeded

ROOT = Path(__file__).resolve().parents[3]


def official(fixture: str) -> dict[str, torch.Tensor]:
    about, _ = seeded.load(fixture, external("PARITY"))
    return {name: torch.from_numpy(value.copy()) for name, value in seeded.state_dict(about).items()}


@pytest.mark.parametrize(
    ("tracker", "fixture", "summary"),
    [
        ("siampw_rbo", "siampw_rbo", "siampw_rbo: 343 official tensors: 261 kept, 82 renamed"),
        ("siamrpnpp_rbo", "siamrpnpp", "siamrpnpp: 458 official tensors: 318 kept, 140 renamed"),
    ],
)
def test_a_released_file_fills_the_network(tracker: str, fixture: str, summary: str, tmp_path: Path) -> None:
    file, output = tmp_path / "model.pth", tmp_path / "ours.safetensors"
    state = official(fixture)
    torch.save({"epoch": 20, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, file)
    cfg = config.load(ROOT / f"configs/{tracker}/r50.yaml")
    report = convert(file, cfg, output)
    assert report.summary() == summary
    back = read_weights(output)
    build_network(cfg).load_state_dict(back.state, strict=True)
    for row in report.rows:
        assert torch.equal(back.state[row.ours], state[row.official])
    assert back.meta["source"] == SYSTEMS[report.system].source


def test_siamban_weights_do_not_pass_for_rbo(tmp_path: Path) -> None:
    file = tmp_path / "model.pth"
    torch.save(official("siamban_r50_l234"), file)
    with pytest.raises(WeightsError, match=r"missing: head\.levels\.0\.fi\.0\.weight"):
        convert(file, config.load(ROOT / "configs/siampw_rbo/r50.yaml"), tmp_path / "ours.safetensors")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("head.box2.head.fi.0.bias", "head.levels.0.fi.0.bias"),
        ("head.box3.head.fi.1.running_var", "head.levels.1.fi.1.running_var"),
        ("head.box3.head.cls_tower.7.weight", "head.levels.1.cls_tower.7.weight"),
        ("head.box2.head.reg_tower.0.bias", "head.levels.0.reg_tower.0.bias"),
        ("head.box2.head.cls_logits.weight", "head.levels.0.cls_logits.weight"),
        ("head.box3.head.bbox_pred.bias", "head.levels.1.bbox_pred.bias"),
        ("neck.downsample3.downsample.1.bias", "neck.levels.1.bn.bias"),
        ("head.loc_scale", "head.loc_scale"),
        ("head.box2.cls.conv_kernel.0.weight", None),
    ],
)
def test_rules(theirs: str, ours: str | None) -> None:
    assert SYSTEMS["siampw_rbo"].rename(theirs) == ours
