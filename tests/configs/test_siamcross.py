"""SiamCross's configurations: each trains and tracks, and each row of the paper's tables is the edit it claims."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.contracts import Batch, Crop
from siamtrack.engine.phases import read_phases
from siamtrack.engine.schedule import schedules
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.targets import labellers
from siamtrack.tracking import build_tracker

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "siamcross"
QUICK = ("r50", "table6_plain")  # the fullest and the emptiest
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
SMALL = [
    "MODEL.BACKBONE.NAME", "convnet", "MODEL.NECK.OUT", "32", "MODEL.CORRELATION.HIDDEN", "32",
    "MODEL.HEAD.HIDDEN", "32",
]  # fmt: skip
NO_PCA = {"CHANNEL": False, "SPATIAL": False}
NO_ADCA = {"ALIGN": "none"}
ROWS = {  # name: (enhancer's options or None, head's options)
    "r50": ({}, {}), "r50_got10k": ({}, {}), "r50_lasot": ({}, {}),
    "table6_plain": (None, NO_PCA | NO_ADCA), "table6_scan": ({}, NO_PCA | NO_ADCA), "table6_pca": (None, NO_ADCA),
    "table6_adca": (None, NO_PCA), "table6_scan_pca": ({}, NO_ADCA), "table6_pca_adca": (None, {}),
    "table7_template": ({"SEARCH": "none"}, NO_PCA), "table7_lut": ({}, NO_PCA),
    "table7_lut_channel": ({}, {"SPATIAL": False}), "table7_lut_spatial": ({}, {"CHANNEL": False}),
    "table8_slp1": ({}, {"GAMMAS": [1]}), "table8_slp2": ({}, {"GAMMAS": [1, 1]}),
    "table8_slp3": ({}, {"GAMMAS": [1, 1, 1]}), "table8_slp4": ({}, {"GAMMAS": [1, 1, 1, 0.05]}),
    "table8_slp5": ({}, {"GAMMAS": [1, 1, 1, 0.05, 0.05]}),
    "table8_slp6": ({}, {"GAMMAS": [1, 1, 1, 0.05, 0.05, 0.05]}),
    "table9_regular": ({}, {"ALIGN": "regular"}), "table9_dilated": ({}, {"ALIGN": "dilated", "DILATION": 2}),
}  # fmt: skip


def test_every_row_of_the_tables_has_a_file():
    assert set(ROWS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_the_edit_it_claims_and_nothing_else(name):
    base, row = (config.to_plain(config.load(FOLDER / f"{n}.yaml")) for n in ("r50", name))
    enhancer, head = ROWS[name]
    base["MODEL"]["ENHANCER"] = {"NAME": "none"} if enhancer is None else {"NAME": "scan", **enhancer}
    base["MODEL"]["HEAD"] |= head
    if head.get("ALIGN") == "none":
        base["LOSSES"] = [term for term in base["LOSSES"] if term["NAME"] != "align"]
    if name in ("r50_got10k", "r50_lasot"):
        (only,) = row["DATA"]["SETS"]
        assert only["NAME"] == name.removeprefix("r50_")
        base["DATA"]["SETS"] = [only]
    assert row == base


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n not in QUICK else []) for n in NAMES])
def test_it_trains_and_tracks(name):
    cfg = config.load(FOLDER / f"{name}.yaml", SMALL)
    torch.manual_seed(0)
    network = build_network(cfg)
    labeller, criterion = labellers.build(cfg.TARGETS), Criterion(cfg.LOSSES, network.head.makes)
    random = np.random.default_rng(0)
    pixels = [torch.from_numpy(random.integers(0, 256, (2, 3, s, s), dtype=np.uint8)) for s in (127, 255)]
    template = Crop(pixels[0], torch.tensor([[40.0, 40, 90, 85], [30.0, 50, 95, 80]]))
    search = Crop(pixels[1], torch.tensor([[80.0, 80, 170, 160], [100.0, 90, 150, 150]]))
    batch = Batch((template,), search, torch.tensor([True, False]), torch.arange(2))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    optimizer = torch.optim.SGD(network.parameters(), 0.005, momentum=0.9)
    for _ in range(2):
        prediction = network(batch.templates, batch.search)
        terms = criterion(prediction, labeller(prediction, batch))
        assert ("align" in terms) == (cfg.MODEL.HEAD.get("ALIGN") != "none")
        loss = sum(terms.values())
        assert torch.isfinite(loss)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
    assert [key for key, p in network.named_parameters() if p.grad is None] == []
    moved = {key.split(".")[0] for key, p in network.named_parameters() if not torch.equal(p, before[key])}
    assert moved == {key.split(".")[0] for key, _ in network.named_parameters()}

    tracker = build_tracker(cfg, network)
    frames = random.integers(0, 256, (4, 90, 120, 3), dtype=np.uint8)
    tracker.init(frames[0], (40, 30, 30, 20))
    for frame in frames[1:]:
        result = tracker.update(frame)
        assert np.isfinite(result.box).all()
        assert 0 <= result.score <= 1


def test_rates_are_as_printed():
    train = config.load(FOLDER / "r50.yaml").TRAIN
    schedule = schedules.build(train.SCHEDULE, epochs=train.EPOCHS)
    rates = np.array([train.OPTIMIZER.LR * schedule.factor(epoch) for epoch in range(train.EPOCHS)])
    np.testing.assert_allclose(rates[:5], 0.001)
    np.testing.assert_allclose(rates[5:], 0.005 * 0.002 ** (np.arange(45) / 44))
    assert rates[-1] == pytest.approx(0.00001)


def test_the_backbone_learns_from_epoch_10_and_everything_else_from_the_start():
    cfg = config.load(FOLDER / "r50.yaml")
    with torch.device("meta"):
        network = build_network(cfg)
    early, late = read_phases(cfg.TRAIN.PHASES, network)
    assert (early.start, late.start) == (0, 10)
    early.apply(network)
    learning = {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    assert learning == {"neck", "enhancer", "correlations", "head"}
    assert all(p.requires_grad for name, p in network.named_parameters() if not name.startswith("backbone"))
    late.apply(network)
    frozen = {name.split(".")[1] for name, p in network.named_parameters() if not p.requires_grad}
    assert frozen == {"conv1", "bn1", "layer1"}
