"""What travels inside the page: read back as it went in, and bounded."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from siamtrack import evaluation
from siamtrack.evaluation import TrackerResults, Truth
from siamtrack.evaluation.frames import frame_overlaps, worst_frames
from siamtrack.evaluation.report.html import Evidence
from siamtrack.evaluation.report.html.evidence import BUDGET, NO_BOX, NOT_SCORED, QUARTER, SHOWN_LEVELS, Budget, plain
from tests.evaluation.report.html.material import FRAMES, NAMES, SIZE, Material, image

PYSOT = evaluation.resolve("pysot")


def _unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def test_short_sequences_travel_whole(material: Material) -> None:
    stored = plain(material.evidence(), NAMES, PYSOT)["sequence_2"]
    assert (stored["frames"], stored["points"], stored["samples"]) == (FRAMES, FRAMES, FRAMES)
    levels = _unpacked(stored["overlaps"], "u1").reshape(len(NAMES), FRAMES)
    boxes = _unpacked(stored["boxes"], "<i2").reshape(1 + len(NAMES), FRAMES, 4)
    truth = material.truths[2]
    for row, results in zip(levels, material.results, strict=True):
        expected = frame_overlaps(truth, results.boxes["sequence_2"][0], PYSOT)
        assert ((row == NOT_SCORED) == np.isnan(expected)).all()
        known = row != NOT_SCORED
        np.testing.assert_allclose(row[known] / SHOWN_LEVELS, expected[known], atol=0.5 / SHOWN_LEVELS + 1e-9)
    assert (boxes[0, 12:15] == NO_BOX).all()
    np.testing.assert_allclose(boxes[0, :12] / QUARTER, truth.boxes[:12], atol=0.5 / QUARTER)
    np.testing.assert_allclose(boxes[3] / QUARTER, material.results[2].boxes["sequence_2"][0], atol=0.5 / QUARTER)


def test_worst_frames_come_with_the_boxes_of_all(material: Material) -> None:
    stored = plain(material.evidence(), NAMES, PYSOT)["sequence_1"]
    for tracker, worst in enumerate(stored["worst"]):
        overlaps = frame_overlaps(material.truths[1], material.results[tracker].boxes["sequence_1"][0], PYSOT)
        assert [frame for frame, _ in worst] == worst_frames(overlaps, 3)
        for frame, overlap in worst:
            assert overlap == pytest.approx(overlaps[frame], abs=5e-4)
            shown = stored["shots"][str(frame)]["boxes"]
            np.testing.assert_allclose(shown[0], material.truths[1].boxes[frame], atol=0.051)
            np.testing.assert_allclose(
                shown[1 + tracker], material.results[tracker].boxes["sequence_1"][0][frame], atol=0.051
            )


def test_images_are_limited_and_shared_among_trackers(material: Material) -> None:
    stored = plain(material.evidence(image=image, images=8), NAMES, PYSOT)
    pictured = [(name, int(f)) for name, s in stored.items() for f, shot in s["shots"].items() if "image" in shot]
    assert len(pictured) == 8
    for tracker, results in enumerate(material.results):
        means = {t.name: np.nanmean(frame_overlaps(t, results.boxes[t.name][0], PYSOT)) for t in material.truths}
        hardest = min(means, key=means.get)  # type: ignore[arg-type]
        assert (hardest, stored[hardest]["worst"][tracker][0][0]) in pictured
    name, frame = pictured[0]
    with Image.open(io.BytesIO(base64.b64decode(stored[name]["shots"][str(frame)]["image"]))) as picture:
        assert picture.format == "JPEG"
        assert picture.size == SIZE
        np.testing.assert_allclose(picture.getpixel((80, 60)), image(name, frame)[60, 80], atol=6)
    assert not any(
        "image" in s
        for q in plain(material.evidence(image=image, images=0), NAMES, PYSOT).values()
        for s in q["shots"].values()
    )


def test_frames_that_cannot_be_had_are_drawn_without_an_image(material: Material) -> None:
    stored = plain(material.evidence(image=lambda name, frame: None), NAMES, PYSOT)
    assert not any("image" in shot for s in stored.values() for shot in s["shots"].values())
    assert stored["sequence_0"]["size"] == SIZE


def test_scores_without_boxes_are_refused(material: Material) -> None:
    with pytest.raises(ValueError, match="scores of KCF and no boxes of it"):
        plain(material.evidence(), [*NAMES, "KCF"], PYSOT)


def test_files_that_count_from_one_are_drawn_from_zero(material: Material) -> None:
    plain_, shifted = (plain(material.evidence(origin=o), NAMES, PYSOT)["sequence_0"] for o in (0.0, 1.0))
    frame = next(iter(plain_["shots"]))
    before, after = (np.array(s["shots"][frame]["boxes"]) for s in (plain_, shifted))
    np.testing.assert_allclose(before - after, np.tile([1.0, 1.0, 0, 0], (1 + len(NAMES), 1)), atol=1e-9)


def test_a_large_benchmark_stays_within_the_budget() -> None:
    """Seen through a budget of a thirtieth: 40 sequences of 500 frames by 8 trackers, 160,000 overlaps."""
    budget = Budget(*(limit // 30 for limit in BUDGET[:3]))
    rng = np.random.default_rng(0)
    boxes = rng.uniform(20, 60, (500, 4)) + 1
    truths = [Truth(f"s{i}", boxes) for i in range(40)]
    names = [f"t{k}" for k in range(8)]
    results = [TrackerResults.of(name, {t.name: boxes[::-1] for t in truths}) for name in names]
    stored = plain(Evidence(truths, results), names, PYSOT, budget)
    assert sum(s["points"] * len(names) for s in stored.values()) <= budget.overlaps
    assert sum(s["samples"] * (1 + len(names)) for s in stored.values()) <= budget.boxes
    assert sum(len(worst) for s in stored.values() for worst in s["worst"]) == 40 * 8
    assert len(json.dumps(stored)) < 7e6 / 15


def test_long_sequences_are_averaged_over_neighbours() -> None:
    boxes = np.tile([10.0, 10.0, 20.0, 20.0], (1000, 1))
    half = boxes + np.where(np.arange(1000)[:, None] < 500, 0, 1) * np.array([10.0, 0, 0, 0])
    evidence = Evidence([Truth("s", boxes)], [TrackerResults.of("t", {"s": half})])
    stored = plain(evidence, ["t"], PYSOT, Budget(overlaps=100, boxes=90))["s"]
    levels = _unpacked(stored["overlaps"], "u1") / SHOWN_LEVELS
    assert stored["points"] == len(levels) == 100
    assert levels[:50] == pytest.approx(1.0)
    assert levels[50:] == pytest.approx(1 / 3, abs=2e-3)
    assert stored["samples"] == 45
