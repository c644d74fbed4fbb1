"""Every curve and number of the OPE oracle: the toolkits' own outputs on synthetic boxes."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest

from siamtrack import evaluation
from siamtrack.evaluation import TrackerResults, Truth
from tests.external import FOLDERS, external

# variant of the oracle -> benchmark whose rules it follows, and the changes made to the stored boxes
VARIANTS = {
    "pysot/clean": ("OTB100", ()),
    "pysot/nangt": ("UAV123", ("nangt",)),
    "pysot/oddpred": ("OTB100", ("oddpred",)),
    "pysot/absent": ("LaSOT-test", ("absent",)),
    "got10k/otb_clean": ("OTB100", ()),
    "got10k/otb_oddpred": ("OTB100", ("oddpred",)),
    "got10k/otb_length": ("OTB100", ("oddpred", "length")),
    "got10k/uav_nangt": ("UAV123", ("nangt",)),
    "got10k/lasot_nangt": ("LaSOT-test", ("nangt",)),
    "got10k/val": ("GOT-10k", ("val",)),
    "pytracking/otb_clean": ("OTB100", ()),
    "pytracking/otb_oddpred": ("OTB100", ("oddpred",)),
    "pytracking/nfs_length": ("NFS30", ("oddpred", "length")),
    "pytracking/uav_nangt": ("UAV123", ("nangt",)),
    "pytracking/lasot_absent": ("LaSOT-test", ("absent",)),
}
ABSENT = ("seq01", "seq04", "seq10")
TOLERANCE = {"pysot": 1e-12, "got10k": 1e-12, "pytracking": 1e-6}


@functools.cache
def oracle() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    folder = external("ORACLE")
    about = json.loads((folder / "ope.json").read_text())
    with np.load(folder / "ope.npz") as stored:
        return about, {key: stored[key] for key in stored.files}


def keys(*parts: str) -> list[str]:
    """Names of the stored outputs, read when tests are collected so that none can be left out."""
    path = FOLDERS["ORACLE"] / "ope.npz"
    with np.load(path) as stored:
        return [key for key in stored.files if not key.startswith(("gt/", "pred/"))]


def truths(changes: tuple[str, ...]) -> list[Truth]:
    about, stored = oracle()
    made = []
    for name in about["sequences"]:
        boxes = stored[f"gt/{name}"].copy()
        shown = np.ones(len(boxes), bool)
        if name in ABSENT:
            shown[12:22] = False
        if "nangt" in changes:
            if name in ("seq02", "seq05", "seq09"):
                boxes[10:18] = np.nan
            elif name == "seq04":
                boxes[20:25] = 0
            elif name == "seq07":
                boxes[5:9, 2:] = 0
            elif name == "seq08":
                boxes[30:33, 0] = -3
        made.append(
            Truth(
                name,
                boxes,
                visible=shown if "absent" in changes else None,
                cover=np.where(shown, 8, 0) if "val" in changes else None,
                resolution=tuple(about["sizes"][name]),
            )
        )
    return made


def results(tracker: str, changes: tuple[str, ...]) -> TrackerResults:
    about, stored = oracle()
    boxes = {name: stored[f"pred/{tracker}/{name}"].copy() for name in about["sequences"]}
    if "oddpred" in changes and tracker == "odd":
        for name in ("seq00", "seq03", "seq06"):
            boxes[name][8:11, 2:] = 0
    if "length" in changes:
        for name in ("seq01", "seq06"):
            boxes[name] = boxes[name][:-4]
        boxes["seq11"] = np.concatenate([boxes["seq11"], boxes["seq11"][-3:]])
    return TrackerResults.of(tracker, boxes)


@functools.cache
def scores(protocol: str, variant: str, tracker: str) -> evaluation.Scores:
    benchmark, changes = VARIANTS[variant]
    return evaluation.evaluate(truths(changes), results(tracker, changes), protocol, benchmark=benchmark)


@pytest.mark.parametrize("key", keys())
def test_equals_the_toolkit(key: str) -> None:
    toolkit, variant, tracker, *rest = key.split("/")
    curve = rest[-1]
    protocol = "pytracking-valid" if rest[0] == "valid" else toolkit
    scored = scores(protocol, f"{toolkit}/{variant}", tracker)
    if curve == "avg_overlap":
        ours = scored.overlap_sum / scored.overlap_frames
    elif curve == "sequences_ao_sr":
        ours = np.stack([scored.sequence_values("ao"), scored.sequence_values("sr50")], 1)
    elif curve == "success_curve":
        ours = scored.curve("success")
    else:
        ours = scored.sequence_curves(curve)
    theirs = oracle()[1][key]
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE[toolkit], equal_nan=True)


@pytest.mark.parametrize("tracker", ["near", "loose", "odd"])
def test_got10k_numbers(tracker: str) -> None:
    expected = oracle()[0]["scalars"][f"got10k/val/{tracker}"]
    measured = scores("got10k", "got10k/val", tracker).metrics()
    assert measured == pytest.approx(expected, rel=0, abs=1e-12)


def test_no_output_is_left_out() -> None:
    about, stored = oracle()
    outputs = [key for key in stored if not key.startswith(("gt/", "pred/"))]
    assert len(outputs) == 195
    assert {"/".join(key.split("/")[:2]) for key in outputs} == set(VARIANTS)
    assert len(about["scalars"]) == 3
