"""One-pass evaluation: equal to the slow reference bit for bit, the laws every protocol obeys, and refusals."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack import evaluation
from siamtrack.evaluation import PROTOCOLS, ResultError, TrackerResults, Truth, block
from siamtrack.evaluation.got10k import bound
from tests.evaluation import slow_reference

BENCHMARKS = ("OTB100", "UAV123", "LaSOT-test")
protocols = pytest.mark.parametrize("protocol", PROTOCOLS)
CURVES = ("success", "precision", "norm_precision")


def world(seed: int, integer: bool, strict: bool, nan: bool) -> tuple[list[Truth], dict[str, np.ndarray]]:
    """Sequences of unequal length with everything that occurs: absent targets, NaN, zero and shifted boxes."""
    rng = np.random.default_rng(seed)
    truths, results = [], {}
    for s in range(rng.integers(1, 5)):
        n = int(rng.integers(3, 30))
        truth = np.concatenate([rng.uniform(2, 60, (n, 2)), rng.uniform(4, 40, (n, 2))], 1)
        result = truth + rng.normal(0, 6, (n, 4)) * rng.integers(0, 2, (n, 1))
        result[:, 2:] = np.abs(result[:, 2:])
        if integer:  # integer boxes fall exactly on thresholds
            truth, result = truth.round(), result.round()
        for row in rng.integers(1, n, 3):
            kind = rng.integers(0, 5)
            if kind == 0 and nan:
                truth[row] = np.nan
            elif kind == 1:
                truth[row] = 0
            elif kind == 2:
                truth[row, 0] = -3
            elif kind == 3:
                result[row - rng.integers(0, 2) :][:1, 2:] = 0  # also the first row, which has none before it
            elif not strict:
                result[row, : rng.choice([1, 4])] = np.nan
        visible = rng.uniform(size=n) > 0.2
        visible[0] = True
        truths.append(Truth(f"s{s}", truth, visible=visible))
        results[f"s{s}"] = result
    return truths, results


@protocols
@pytest.mark.parametrize("benchmark", BENCHMARKS)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), integer=st.booleans())
def test_equals_the_slow_reference_bit_for_bit(protocol: str, benchmark: str, seed: int, integer: bool) -> None:
    strict = protocol.startswith("pytracking")
    truths, results = world(seed, integer, strict, nan=not strict or benchmark == "UAV123")
    visible = benchmark == "LaSOT-test"
    given_truths = truths if visible else [Truth(t.name, t.boxes) for t in truths]
    scored = evaluation.evaluate(given_truths, results, protocol, benchmark=benchmark)
    for s, truth in enumerate(given_truths):
        expected = slow_reference.score(protocol, benchmark, results[truth.name], truth.boxes, truth.visible)
        for curve, values in zip(CURVES, expected, strict=True):
            if curve in scored.hits:
                assert scored.sequence_curves(curve)[s].tolist() == values, curve


@pytest.mark.parametrize(
    ("protocol", "rows"), [("pytracking", -4), ("pytracking", 3), ("got10k", -4), ("matlab-otb", -4)]
)
def test_lengths_equal_the_slow_reference(protocol: str, rows: int, caplog: pytest.LogCaptureFixture) -> None:
    (truth, *_), results = world(5, False, True, nan=False)
    boxes = results["s0"][:rows] if rows < 0 else np.concatenate([results["s0"], results["s0"][:rows]])
    truth = Truth("s0", truth.boxes)
    with caplog.at_level(logging.WARNING):
        scored = evaluation.evaluate([truth], {"s0": boxes}, protocol)
    assert f"{len(boxes)} boxes for {len(truth.boxes)} frames" in caplog.text
    expected = slow_reference.score(protocol, "", boxes, truth.boxes, None)
    for curve, values in zip(CURVES, expected, strict=True):
        if curve in scored.hits:
            assert scored.sequence_curves(curve)[0].tolist() == values


def clean(seed: int) -> tuple[list[Truth], dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    truths = []
    for s in range(4):
        n = int(rng.integers(5, 40))
        truths.append(Truth(f"s{s}", np.concatenate([rng.uniform(1, 90, (n, 2)), rng.uniform(5, 40, (n, 2))], 1)))
    return truths, {t.name: np.abs(t.boxes + rng.normal(0, 3, t.boxes.shape)) for t in truths}


@protocols
@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_a_perfect_result_scores_one(protocol: str, seed: int) -> None:
    truths, _ = clean(seed)
    scored = evaluation.evaluate(truths, {t.name: t.boxes for t in truths}, protocol)
    success = scored.curve("success")
    np.testing.assert_allclose(success[:-1], 1)  # every threshold below 1
    # a box exactly equal has IoU 1, which is not above 1; rounding may push the pixel arithmetic past it
    assert scored.overlap_sum.sum() / scored.overlap_frames.sum() == pytest.approx(1)
    for curve in ("precision", "norm_precision"):
        if curve in scored.hits:
            assert (scored.curve(curve) == 1).all()


@protocols
@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_curves_are_monotone_and_order_does_not_matter(protocol: str, seed: int) -> None:
    truths, results = clean(seed)
    scored = evaluation.evaluate(truths, results, protocol)
    assert (np.diff(scored.curve("success")) <= 0).all()
    assert (np.diff(scored.curve("precision")) >= 0).all()
    order = np.random.default_rng(seed).permutation(len(truths))
    again = evaluation.evaluate([truths[i] for i in order], results, protocol)
    assert again.metrics() == pytest.approx(scored.metrics(), rel=1e-13)
    assert (again.sequence_curves("success") == scored.sequence_curves("success")[order]).all()


@protocols
@pytest.mark.parametrize("frames", [1, 17, 40])
def test_the_size_of_a_block_does_not_show(protocol: str, frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    truths, results = clean(7)
    whole = evaluation.evaluate(truths, results, protocol)
    monkeypatch.setattr(block, "FRAMES", frames)
    assert len(block.blocks(truths, whole.protocol)) > 1
    parts = evaluation.evaluate(truths, results, protocol)
    assert parts.metrics() == whole.metrics()
    for curve in whole.hits:
        np.testing.assert_array_equal(parts.sequence_curves(curve), whole.sequence_curves(curve))


@protocols
def test_inputs_are_left_as_they_are(protocol: str) -> None:
    truths, results = world(3, True, True, nan=False)
    before = [t.boxes.copy() for t in truths] + [r.copy() for r in results.values()]
    evaluation.evaluate(truths, results, protocol)
    for old, new in zip(before, [t.boxes for t in truths] + list(results.values()), strict=True):
        np.testing.assert_array_equal(old, new)


def test_absent_frames_that_count_as_precise() -> None:
    """UAV123: the frames without truth are hits of precision for pysot, and are left out by got10k."""
    boxes = np.tile([50.0, 50, 20, 20], (10, 1))
    truth = boxes.copy()
    truth[5:] = np.nan
    wrong = {"a": np.concatenate([boxes[:1], boxes[1:] + np.array([200.0, 0, 0, 0])])}
    measured = {
        name: evaluation.evaluate([Truth("a", truth)], wrong, name, benchmark="UAV123").value("precision@20")
        for name in ("pysot", "got10k")
    }
    assert measured == {"pysot": pytest.approx(0.6), "got10k": pytest.approx(0.2)}


BOX = [10.0, 10, 20, 20]
NAN_X = [math.nan, 10, 20, 20]
FLAT = [10.0, 10, 20, 0]


@pytest.mark.parametrize(
    ("protocol", "row", "repaired"),
    [
        ("pysot", FLAT, False),
        ("got10k", FLAT, False),
        ("pytracking", FLAT, True),
        ("matlab-otb", FLAT, True),
        ("matlab-otb", NAN_X, False),
        ("matlab-otb", [math.nan] * 4, True),
        ("official", NAN_X, True),
        ("official", FLAT, True),
    ],
)
def test_rows_that_are_no_boxes(protocol: str, row: list[float], repaired: bool) -> None:
    """Frame 2 is no box: it takes over frame 1, which is right, or misses. ``b`` starts wrong, and stays so."""
    truths = [Truth("a", np.array([BOX] * 3)), Truth("b", np.array([BOX] * 2))]
    off = [90.0, 90, 20, 20]
    results = {"a": np.array([BOX, BOX, row]), "b": np.array([off, row])}
    scored = evaluation.evaluate(truths, results, protocol)
    first = 0 if protocol == "pysot" else 1
    assert scored.hits["success"][:, 0].tolist() == [3 if repaired else 2, first]


@pytest.mark.parametrize(
    ("protocol", "threshold"),
    [("pysot", 0.65), ("got10k", 0.65), ("pytracking", 0.6500000000000001), ("official", 0.6499999999999999)],
)
def test_an_overlap_on_the_threshold(protocol: str, threshold: float) -> None:
    """13 of 20 pixels: below the threshold of one toolkit, on that of another, above that of the third."""
    grid = evaluation.resolve(protocol).thresholds("success")
    assert grid[13] == threshold
    truth = np.array([BOX, [10, 10, 20, 1]])
    scored = evaluation.evaluate([Truth("a", truth)], {"a": np.array([BOX, [10, 10, 13, 1]])}, protocol)
    assert scored.hits["success"][0, 13] == (2 if threshold < 0.65 else 1)


def test_matlab_drops_sequences_without_a_hit() -> None:
    hidden = np.array([[0.0, 0, 0, 0], BOX])
    truths = [Truth("a", np.array([BOX, BOX])), Truth("b", hidden)]
    results = {"a": np.array([BOX, BOX]), "b": hidden + np.array([500.0, 0, 0, 0])}
    assert evaluation.evaluate(truths, results, "matlab-otb").curve("success")[0] == 1
    assert evaluation.evaluate(truths, results, "pysot").curve("success")[0] == 0.5


def test_matlab_divides_by_a_little_more_than_the_frames() -> None:
    scored = evaluation.evaluate([Truth("a", np.array([BOX]))], {"a": np.array([BOX])}, "official")
    assert scored.curve("precision")[0] == 1 / (1 + slow_reference.EPS) < 1


def test_got10k_cuts_boxes_to_the_frame() -> None:
    boxes = np.array([[-5.0, 90, 20, 20], [95, -10, 20, 20], [120, 10, 20, 20]])
    assert bound(boxes, (100, 100)).tolist() == [[0, 90, 20, 10], [95, 0, 5, 20], [100, 10, 0, 20]]


def test_missing_absence_flags_are_told(caplog: pytest.LogCaptureFixture) -> None:
    truths, results = clean(1)
    evaluation.evaluate(truths, results, "pysot", benchmark="OTB100")
    assert not caplog.text
    evaluation.evaluate(truths, results, "pysot", benchmark="LaSOT-test")
    assert "pysot leaves absent frames out, and no sequence says which those are" in caplog.text


def test_several_runs_are_averaged() -> None:
    truths, results = clean(1)
    _, others = clean(2)
    others = {name: np.resize(others[name], boxes.shape) for name, boxes in results.items()}
    both = evaluation.evaluate(truths, TrackerResults("t", {n: [results[n], others[n]] for n in results}), "pysot")
    one, two = (evaluation.evaluate(truths, r, "pysot").value("success") for r in (results, others))
    assert both.value("success") == pytest.approx((one + two) / 2, rel=1e-12)
    ragged = {n: [results[n]] * (2 if n == "s0" else 1) for n in results}
    with pytest.raises(ResultError, match="s1 has 1 runs and others have 2"):
        evaluation.evaluate(truths, TrackerResults("t", ragged), "pysot")


def test_got10k_pools_runs_and_frames() -> None:
    boxes = np.tile([10.0, 10, 20, 20], (4, 1))
    missed = boxes + np.array([100.0, 0, 0, 0])
    truths = [
        Truth("a", boxes, cover=np.array([8, 8, 0, 8]), resolution=(200, 200)),
        Truth("b", boxes, resolution=(200, 200)),
    ]
    results = TrackerResults("t", {"a": [boxes, missed], "b": [boxes]})
    scored = evaluation.evaluate(truths, results, benchmark="GOT-10k")
    assert scored.protocol.name == "got10k"
    assert scored.metrics() == {"ao": pytest.approx(5 / 7), "sr50": 5 / 7, "sr75": 5 / 7}
    assert scored.sequence_values("ao") == pytest.approx([0.5, 1])
    with pytest.raises(ResultError, match=r"sequence a: the result is \[3, 4\]"):
        evaluation.evaluate(truths, {"a": boxes[:3], "b": boxes}, benchmark="GOT-10k")
    with pytest.raises(ValueError, match="resolution is missing"):
        evaluation.evaluate([Truth("a", boxes)], {"a": boxes}, benchmark="GOT-10k")


@pytest.mark.parametrize("given", [1, 3, 4])
def test_boxes_that_are_not_numbers_are_misses_to_got10k(given: int) -> None:
    """A mean over the other frames alone would reward a tracker that says nothing where it is lost."""
    boxes = np.tile([10.0, 10, 20, 20], (4, 1))
    result = np.where(np.arange(4)[:, None] < given, boxes, np.nan)
    scored = evaluation.evaluate([Truth("a", boxes, resolution=(200, 200))], {"a": result}, benchmark="GOT-10k")
    share = pytest.approx((given - 1) / 3)
    assert scored.metrics() == {"ao": share, "sr50": share, "sr75": share}
    assert scored.sequence_values("ao") == [share]


def test_speed() -> None:
    truths, results = clean(1)
    times = {"s0": np.array([0.5, 0.25, 0.0, np.nan]), "s1": np.array([0.1, 0.1])}
    timed = TrackerResults.of("t", results, times)
    total = evaluation.evaluate(truths, timed, "pysot").fps
    rates = evaluation.evaluate(truths, timed, "got10k").fps
    assert total == pytest.approx(4 / 0.95)
    assert rates == pytest.approx((3 + 10) / 2)
    assert evaluation.evaluate(truths, results, "pysot").fps is None


def test_attributes_and_subsets() -> None:
    truths, results = clean(1)
    tagged = [Truth(t.name, t.boxes, attributes=frozenset({"blur"} if t.name < "s2" else ())) for t in truths]
    scored = evaluation.evaluate(tagged, results, "pysot")
    fewer = evaluation.evaluate(tagged[:2], results, "pysot")
    assert scored.with_attribute("blur").metrics() == fewer.metrics()
    with pytest.raises(ValueError, match="no attribute 'fog'; known: blur"):
        scored.with_attribute("fog")
    with pytest.raises(ValueError, match="None of the sequences"):
        scored.only(["x"])


@pytest.mark.parametrize(
    ("boxes", "protocol", "sentence"),
    [
        (np.ones((5, 4)), "pysot", "5 boxes for 9 frames, which pysot refuses"),
        (np.ones((9, 8)), "pysot", r"boxes should be \[frames, 4\], these are \[9, 8\]"),
        (np.full((9, 4), np.nan), "pytracking", "row 1 has NaN or a negative size, which pytracking refuses"),
        (np.tile([1.0, 1, -1, 1], (9, 1)), "pytracking", "row 1 has NaN or a negative size"),
    ],
)
def test_bad_results(boxes: np.ndarray, protocol: str, sentence: str) -> None:
    with pytest.raises(ResultError, match=sentence):
        evaluation.evaluate([Truth("a", np.ones((9, 4)))], {"a": boxes}, protocol)


def test_missing_results_are_counted_and_the_nearest_is_named() -> None:
    truths, results = clean(1)
    del results["s1"], results["s2"]
    results["s1_"] = results["s0"]
    with pytest.raises(ResultError, match=r"2 of 4 sequences have no result, the first is s1 \(there is one for s1_\)"):
        evaluation.evaluate(truths, results, "pysot")


def test_bad_truths() -> None:
    boxes = np.ones((3, 4))
    with pytest.raises(ValueError, match=r"Sequence a: true boxes should be \[frames, 4\], these are \[3, 8\]"):
        Truth("a", np.ones((3, 8)))
    with pytest.raises(ValueError, match="visible should have one entry for each of 3 frames"):
        Truth("a", boxes, visible=np.ones(2, bool))
    with pytest.raises(ValueError, match="no sequence to evaluate on"):
        evaluation.evaluate([], {}, "pysot")
    with pytest.raises(ValueError, match="Two sequences are called 'a'"):
        evaluation.evaluate([Truth("a", boxes), Truth("a", boxes)], {"a": boxes}, "pysot")
    hidden = np.array([[1.0, 1, 1, 1], [math.nan] * 4])
    with pytest.raises(ValueError, match="true box 2 has NaN, which pytracking allows for UAV123 only"):
        evaluation.evaluate([Truth("a", hidden)], {"a": np.ones((2, 4))}, "pytracking")
    with pytest.raises(ValueError, match="finds no frame to score"):
        evaluation.evaluate([Truth("a", hidden[1:])], {"a": np.ones((1, 4))}, "got10k", benchmark="UAV123")


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"no evaluation protocol 'pysott'\. Did you mean 'pysot'"):
        evaluation.resolve("pysott")
    with pytest.raises(ValueError, match="protocol pysot reports no metric 'ao'; it reports success"):
        evaluation.resolve("pysot").metric("ao")


@pytest.mark.parametrize(
    ("name", "protocol", "family"),
    [
        ("otb100", "pysot", "otb"),
        ("LaSOT_test", "official", "lasot"),
        ("got10k/val", "got10k", "got10k"),
        ("uav123-10fps", "pysot", "uav"),
        ("quickstart", "pysot", ""),
        ("", "pysot", ""),
    ],
)
def test_benchmarks_and_their_protocol(name: str, protocol: str, family: str) -> None:
    assert evaluation.resolve("", name).name == protocol
    assert evaluation.benchmark(name).family == family
