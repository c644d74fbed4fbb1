"""STARK's released checkpoints become ours to the last tensor."""

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

CONFIGS = Path(__file__).resolve().parents[3] / "configs" / "stark"


def official(fixture: str) -> dict[str, torch.Tensor]:
    about, _ = seeded.load(fixture, external("PARITY"))
    return {name: torch.from_numpy(value.copy()) for name, value in seeded.state_dict(about).items()}


@pytest.mark.parametrize(
    ("fixture", "name", "renamed"),
    [
        ("stark_s50", "s50", 460),
        ("stark_st50", "st50_stage2", 466),
        pytest.param("stark_st101", "st101_stage2", 721, marks=pytest.mark.slow),
    ],
)
def test_a_released_file_fills_the_network(fixture: str, name: str, renamed: int, tmp_path: Path) -> None:
    """Such a file holds its weights under ``net``, beside what the trainer needed."""
    file, output = tmp_path / "STARK.pth.tar", tmp_path / "ours.safetensors"
    state = official(fixture)
    torch.save({"epoch": 500, "net_type": "STARKS", "net": state, "stats": {}, "optimizer": {}}, file)
    cfg = config.load(CONFIGS / f"{name}.yaml")
    report = convert(file, cfg, output)
    assert report.summary() == f"stark: {renamed} official tensors: {renamed} renamed"
    back = read_weights(output)
    build_network(cfg).load_state_dict(back.state, strict=True)
    assert len({row.ours for row in report.rows}) == len(back.state)
    for row in report.rows:
        assert torch.equal(back.state[row.ours], state[row.official])
    assert back.meta["source"] == SYSTEMS["stark"].source


def test_every_rule_is_for_some_tensor() -> None:
    names = official("stark_st50")
    used = {next(i for i, r in enumerate(SYSTEMS["stark"].rules) if _renames(r, name)) for name in names}
    assert used == set(range(len(SYSTEMS["stark"].rules)))


def _renames(rule, name: str) -> bool:
    from dataclasses import replace

    return replace(SYSTEMS["stark"], rules=(rule,)).rename(name) is not None


def test_a_file_with_a_score_head_does_not_pass_for_one_without(tmp_path: Path) -> None:
    file = tmp_path / "STARK.pth.tar"
    torch.save({"net": official("stark_st50")}, file)
    with pytest.raises(WeightsError, match=r"unknown: cls_head\.layers\.0\.weight \(would be head\.score\.0\.weight"):
        convert(file, config.load(CONFIGS / "s50.yaml"), tmp_path / "ours.safetensors")
    own = build_network(config.load(CONFIGS / "st50_stage2.yaml")).state_dict()
    missing = {row.ours for row in map_state(official("stark_s50"), own, "stark").problems}
    assert missing == {name for name in own if name.startswith("head.score.")}
