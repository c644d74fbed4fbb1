"""SiamBAN-ACM's released checkpoints become ours to the last tensor; SiamBAN's do not pass for them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from siamtrack import config
from siamtrack.models import build_network
from siamtrack.models.convert import best_conversion, convert, map_state
from siamtrack.models.weights import read_weights
from tests.external import external
from tests.fixtures.parity import seeded

ROOT = Path(__file__).resolve().parents[3]
CFG = ROOT / "configs/siamban_acm/r50.yaml"


def official(fixture: str) -> dict[str, torch.Tensor]:
    about, _ = seeded.load(fixture, external("PARITY"))
    return {name: torch.from_numpy(value.copy()) for name, value in seeded.state_dict(about).items()}


@pytest.mark.slow  # writes two files of 320 MB
def test_a_released_file_fills_the_network(tmp_path: Path) -> None:
    file, output = tmp_path / "model.pth", tmp_path / "ours.safetensors"
    state = official("siamban_acm")
    torch.save({"epoch": 20, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, file)
    report = convert(file, config.load(CFG), output)
    assert report.summary() == "siamban_acm: 645 official tensors: 321 kept, 324 renamed"
    back = read_weights(output)
    build_network(config.load(CFG)).load_state_dict(back.state, strict=True)
    for row in report.rows:
        assert torch.equal(back.state[row.ours], state[row.official])
    assert back.meta["source"] == "wencheng256/SiamBAN-ACM"


def test_siamban_weights_do_not_pass_for_acm() -> None:
    network = build_network(config.load(CFG))
    problems = best_conversion(official("siamban_r50_l234"), network.state_dict()).problems
    assert any(row.what == "missing" and row.ours.endswith(".search_kernel.weight") for row in problems)
    assert any(row.what == "misshapen" and row.official.endswith(".head.0.weight") for row in problems)


def test_without_the_prior_its_tensors_have_no_place() -> None:
    network = build_network(config.load(CFG, ["MODEL.CORRELATION.BOX_PRIOR", "false"]))
    conversion = map_state(official("siamban_acm"), network.state_dict(), "siamban_acm")
    assert {row.what for row in conversion.problems} == {"unknown"}
    assert all(".xorr_bbox." in row.official for row in conversion.problems)
