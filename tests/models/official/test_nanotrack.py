"""NanoTrack's released checkpoints, by their manifests and as real files, become ours to the last tensor."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.models import build_network
from siamtrack.models.convert import convert
from siamtrack.models.weights import WeightsError, read_checkpoint, read_weights
from tests.external import external
from tests.fixtures.parity import seeded

ROOT = Path(__file__).resolve().parents[3]
SUMMARIES = {
    "v1": "nanotrack: 231 official tensors: 168 kept, 6 ignored, 57 renamed",
    "v2": "nanotrack: 298 official tensors: 168 kept, 6 ignored, 124 renamed",
    "v3": "nanotrack: 438 official tensors: 190 kept, 6 ignored, 242 renamed",
}
# parameters without the unused neck
PARAMETERS = {"v1": 287_966, "v2": 334_078, "v3": 541_446}
SHA256 = {
    "v1": "2a24bbfd1163a7692ab22100336a54de55dde12301b7d8ae7a4e745fb10b09a3",
    "v2": "938a320c560fd8c8d6a148a76a072bca29c529ce16591c9a2157859ee0ecc5e1",
    "v3": "4f0d25108385a67bdec5fa01ca37c74acb72343b53996dd645fe18b86e512e69",
}
EPOCHS = {"v1": 26, "v2": 34, "v3": 35}
# numpy scalars in the optimiser of the file: learning rate of the epoch before
RATES = {"v1": 0.0017555958671075656, "v2": 0.0011550648500415802, "v3": 0.0010961729862417233}
versions = pytest.mark.parametrize("version", list(SUMMARIES))


def cfg_of(version: str):
    return config.load(ROOT / f"configs/nanotrack/{version}.yaml")


def manifest(version: str) -> dict[str, torch.Tensor]:
    """A state dict of the released names, types and shapes, each tensor with numbers of its own."""
    about, _ = seeded.load(f"nanotrack_{version}", external("PARITY"))
    made = {}
    for name, shape, dtype in about["tensors"]:
        values = seeded.tensor(name, shape, seeded.guess_kind(name, shape))
        made[name] = torch.from_numpy(np.asarray(values, dtype))
    return made


def written(tmp_path: Path, state: dict[str, torch.Tensor]) -> Path:
    """A file like the released ones, numpy scalars among the learning rates."""
    file = tmp_path / "model.pth"
    optimizer = {"state": {}, "param_groups": [{"lr": np.float64(0.005), "params": [0]}]}
    torch.save({"epoch": 26, "state_dict": state, "optimizer": optimizer}, file)
    return file


@versions
def test_a_released_file_fills_the_network(version: str, tmp_path: Path) -> None:
    state, output = manifest(version), tmp_path / "ours.safetensors"
    report = convert(written(tmp_path, state), cfg_of(version), output)
    assert report.summary() == SUMMARIES[version]
    back = read_weights(output)
    network = build_network(cfg_of(version))
    network.load_state_dict(back.state, strict=True)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[version]
    for row in report.rows:
        if row.what == "ignored":
            assert row.official.startswith("neck.downsample.")
            assert "never runs it" in row.note
        else:
            assert torch.equal(back.state[row.ours], state[row.official])


@pytest.mark.parametrize(("file", "cfg"), [("v1", "v2"), ("v2", "v1"), ("v3", "v2"), ("v2", "v3")])
def test_one_version_does_not_pass_for_another(file: str, cfg: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not fill the network of this configuration"):
        convert(written(tmp_path, manifest(file)), cfg_of(cfg), tmp_path / "ours.safetensors")
    assert not (tmp_path / "ours.safetensors").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.pop("ban_head.cls_logits.0.bias"), r"missing: head\.cls_out\.bias"),
        (lambda s: s.update({"ban_head.extra.weight": torch.zeros(1)}), r"unknown: ban_head\.extra\.weight"),
        (lambda s: s.update({"ban_head.bbox_pred.0.bias": torch.zeros(5)}), r"misshapen: ban_head\.bbox_pred\.0\.bias"),
    ],
)
def test_nothing_may_be_missing_unknown_or_misshapen(change, sentence: str, tmp_path: Path) -> None:
    state = manifest("v3")
    change(state)
    with pytest.raises(WeightsError, match=sentence):
        convert(written(tmp_path, state), cfg_of("v3"), tmp_path / "ours.safetensors")


@versions
def test_the_real_file_is_read_without_running_what_it_may_hold(version: str, tmp_path: Path) -> None:
    file = external("WEIGHTS") / f"nanotrack{version}.pth"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256[version]
    with pytest.raises(Exception, match=r"weights_only|Weights only"):  # PyTorch's own list is shorter
        torch.load(file, map_location="cpu", weights_only=True)
    checkpoint = read_checkpoint(file)
    assert checkpoint["epoch"] == EPOCHS[version]
    rates = [group["lr"] for group in checkpoint["optimizer"]["param_groups"]]
    assert isinstance(rates[1], np.float64)
    np.testing.assert_allclose(rates, [RATES[version] / 10, RATES[version], RATES[version]], rtol=1e-15)
    report = convert(file, cfg_of(version), tmp_path / "ours.safetensors")
    assert report.summary() == SUMMARIES[version]
    meta = read_weights(tmp_path / "ours.safetensors").meta
    assert (meta["sha256"], meta["official_epoch"]) == (SHA256[version], str(EPOCHS[version]))
    assert meta["source"] == "HonglinChu/SiamTrackers, NanoTrack"
