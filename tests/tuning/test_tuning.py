"""Searching settings: the space, the suggestions, what is stored, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamtrack.config import ConfigError
from siamtrack.data.sequence import Sequence
from siamtrack.evaluation import Truth
from siamtrack.tracking.crew import Seat
from siamtrack.tracking.follow import follow
from siamtrack.tracking.recipe import FromCheckpoint
from siamtrack.tuning import guard
from siamtrack.tuning.checkpoints import Scored, best, table
from siamtrack.tuning.search import scorer, search
from siamtrack.tuning.space import Range, pairs, parse_range, usual_ranges
from siamtrack.tuning.suggest import suggester
from siamtrack.tuning.trials import Study, Trial
from tests.tiny import tiny_checkpoint

RANGES = [Range("TRACK.LR", 0.1, 0.5), Range("TRACK.PENALTY_K", 0.01, 1.0, log=True), Range("TRACK.N", 1, 4)]


# The space ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TRACK.LR=0.1:0.5", Range("TRACK.LR", 0.1, 0.5)),
        ("TRACK.LR = 0.01:1:log", Range("TRACK.LR", 0.01, 1, log=True)),
        ("TRACK.SCALES=1:5", Range("TRACK.SCALES", 1, 5)),
        ("TRACK.FUSION=sum,convex", Range("TRACK.FUSION", choices=("sum", "convex"))),
    ],
)
def test_ranges_are_read(text, expected):
    assert parse_range(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TRACK.LR", "should be KEY=LOW:HIGH or KEY=a,b"),
        ("TRAIN.BATCH=1:5", "only options of the tracker are searched"),
        ("TRACK.NAME=dense,response", "only options of the tracker are searched"),
        ("TRACK.LR=0.5:0.1", "LOW below HIGH"),
        ("TRACK.LR=0:1:log", "LOW above 0"),
        ("TRACK.LR=0:1:lin", "should be LOW:HIGH"),
        ("TRACK.LR=a:b", "should be numbers"),
        ("TRACK.LR=nan:1", "LOW below HIGH"),
        ("TRACK.FUSION=sum", "two or more different values"),
    ],
)
def test_what_is_no_range_is_a_sentence(text, said):
    with pytest.raises(ConfigError, match=said):
        parse_range(text)


@given(st.integers(0, 2**32), st.integers(0, 3))
def test_draws_stay_inside(seed, number):
    values = suggester("random", RANGES, seed)(number, [])
    assert list(values) == [r.key for r in RANGES]
    for r in RANGES:
        assert r.low <= values[r.key] <= r.high
    assert isinstance(values["TRACK.N"], int)
    assert parse_range(str(RANGES[1])) == RANGES[1]


def test_window_penalty_and_smoothing_are_what_is_usually_searched():
    found = usual_ranges(["penalty_k", "window_influence", "lr", "min_size"])
    assert {r.key for r in found} == {"TRACK.PENALTY_K", "TRACK.WINDOW_INFLUENCE", "TRACK.LR"}
    with pytest.raises(ConfigError, match="name what to search"):
        usual_ranges(["scales"])


# Suggestions ----------------------------------------------------------------------------------------------------------


def hill(values) -> float:
    return -((values["TRACK.LR"] - 0.42) ** 2) - (np.log(values["TRACK.PENALTY_K"]) + 3) ** 2 / 20


def climbed(name: str, seed: int, trials: int = 25) -> list[Trial]:
    suggest, made = suggester(name, RANGES, seed), []
    for number in range(trials):
        values = suggest(number, made)
        made.append(Trial(number, values, hill(values)))
    return made


def test_tpe_climbs_higher_than_chance():
    pytest.importorskip("optuna")
    tpe, chance = ([max(t.score for t in climbed(name, seed)) for seed in range(4)] for name in ("tpe", "random"))
    assert np.mean(tpe) > np.mean(chance)


@pytest.mark.parametrize("name", ["random", "tpe"])
def test_a_search_goes_on_as_if_it_had_not_been_broken_off(name):
    if name == "tpe":
        pytest.importorskip("optuna")
    whole = climbed(name, 7, 14)
    resumed = suggester(name, RANGES, 7)(13, whole[:13])
    assert resumed == whole[13].values
    failed = [*whole[:12], Trial(12, whole[12].values, None, reason="no")]
    assert set(suggester(name, RANGES, 7)(13, failed)) == set(
        resumed
    )  # a failed trial teaches nothing, and is no error


def test_an_unknown_sampler_is_a_sentence():
    with pytest.raises(ValueError, match="should be random or tpe"):
        suggester("grid", RANGES, 0)


# What is stored -------------------------------------------------------------------------------------------------------


def test_a_study_is_read_back_and_refuses_another(tmp_path):
    study = Study.open(tmp_path / "s", {"sha256": "1"}, ["chosen on OTB100"])
    study.add(Trial(0, {"TRACK.LR": 0.3}, 0.5, 1.0))
    study.add(Trial(1, {"TRACK.LR": 0.4}, None, reason="no frame"))
    study.add(Trial(2, {"TRACK.LR": 0.35}, 0.5))
    again = Study.open(tmp_path / "s", {"sha256": "1"})
    assert again.trials == study.trials
    outcome = again.outcome()
    assert (outcome.trial.number, outcome.overrides, outcome.notes) == (0, ("TRACK.LR", "0.3"), ("chosen on OTB100",))
    with pytest.raises(ValueError, match=r"another search \(sha256 differ: '1' there, '2' now\)"):
        Study.open(tmp_path / "s", {"sha256": "2"})


def test_damaged_and_empty_studies_are_sentences(tmp_path):
    with pytest.raises(ValueError, match=r"holds no search \(study.json is missing\)"):
        Study.read(tmp_path)
    study = Study.open(tmp_path / "s", {})
    with pytest.raises(ValueError, match="no trial has a score"):
        study.outcome()
    (tmp_path / "s/trials.jsonl").write_text('{"number": 0}\n')
    with pytest.raises(ValueError, match="is not what siamtrack tune wrote"):
        Study.read(tmp_path / "s")


# The search -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return FromCheckpoint.of(tiny_checkpoint(tmp_path_factory.mktemp("weights") / "tiny.safetensors"))


def videos() -> list[Sequence]:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (60, 80, 3), dtype=np.uint8) for _ in range(4)]
    return [Sequence(name, frames, np.tile([20.0, 15, 30, 20], (4, 1)), offset=1.0) for name in ("a", "b")]


def test_trials_are_tracked_scored_and_gone_on_with(recipe, tmp_path):
    clips = videos()
    score = scorer([Truth(clip.name, clip.file_boxes) for clip in clips], "", "own")
    seen = []

    def watched(boxes):
        seen.append({name: rows.copy() for name, rows in boxes.items()})
        return score(boxes)

    ranges = [parse_range("TRACK.LR=0.05:1.0"), parse_range("TRACK.MIN_SIZE=31.0:60.0")]
    study = Study.open(tmp_path / "s", {})
    search(study, recipe, clips, watched, suggester("random", ranges, 3), 2, [Seat("cpu")])
    search(Study.open(tmp_path / "s", {}), recipe, clips, watched, suggester("random", ranges, 3), 3, [Seat("cpu")])
    stored = [json.loads(line) for line in (tmp_path / "s/trials.jsonl").read_text().splitlines()]
    assert [trial["number"] for trial in stored] == [0, 1, 2]
    assert [trial["reason"] for trial in stored] == [""] * 3
    assert all(0 <= trial["score"] <= 1 for trial in stored)
    assert len(seen) == 3
    np.testing.assert_allclose(seen[0]["a"][0], [20, 15, 30, 20])  # in the numbers of the benchmark's files
    assert not np.array_equal(seen[0]["a"], seen[1]["a"])  # the settings reach the tracker

    # and are those that siamtrack test would take
    tracker = FromCheckpoint.of(recipe.checkpoint, pairs(stored[1]["values"])).build("cpu")
    np.testing.assert_array_equal(seen[1]["b"], follow(tracker, clips[1]).boxes + np.array([1, 1, 0, 0]))


def test_a_trial_that_fails_is_stored_with_its_reason(recipe, tmp_path):
    clips = videos()
    broken = Sequence("c", clips[0].frames[:2], np.ones((3, 4)))
    study = Study.open(tmp_path / "s", {})
    ranges = [parse_range("TRACK.LR=0.05:1.0")]
    search(study, recipe, [clips[0], broken], lambda boxes: 1.0, suggester("random", ranges, 0), 1, [Seat("cpu")])
    assert study.trials[0].score is None
    assert study.trials[0].reason.startswith("c: sequence c: has boxes for 3 frames")
    with pytest.raises(ValueError, match=r"none of 3 trials has a score.*c: sequence c: has boxes"):
        search(study, recipe, [clips[0], broken], lambda boxes: 1.0, suggester("random", ranges, 0), 9, [Seat("cpu")])
    assert len(study.trials) == 3


# The guard ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "split", "test"),
    [
        ("OTB100", "", True), ("UAV123@10fps", "", True), ("VOT2018", "", True), ("got10k", "test", True),
        ("LaSOT", "test", True), ("TrackingNet", "test", True), ("GOT-10k", "val", False), ("lasot", "train", False),
        ("folder", "", False), ("my_videos", "", False), ("LaSOT", "all", True), ("NFS30", "", True),
    ],
)  # fmt: skip
def test_what_is_a_test_benchmark(name, split, test):
    assert guard.is_test_benchmark(name, split) is test


def test_a_test_benchmark_is_refused_unless_asked_for():
    with pytest.raises(ValueError, match=r"OTB100 is a test benchmark.*--on-test-set"):
        guard.note("OTB100", "", False, "TRACK settings")
    assert guard.note("OTB100", "", True, "TRACK settings") == ("TRACK settings chosen on OTB100, a test benchmark",)
    assert guard.note("got10k", "val", False, "TRACK settings") == ()


# Checkpoints ----------------------------------------------------------------------------------------------------------


def test_the_best_checkpoint_is_marked():
    scores = [Scored("e1", "val AO", 0.4), Scored("e2", "val AO", 0.6), Scored("e3", "val AO", None, "a is missing")]
    assert best(scores) == 1
    made = table("range", [*scores, Scored("e2", "OTB100 Success", 0.7)], "e2")
    assert made.labels == (("e1", ""), ("e2", "chosen"), ("e3", ""))
    assert made.values == ((0.4, None), (0.6, 0.7), (None, None))
    with pytest.raises(ValueError, match="e3: a is missing"):
        best(scores[2:])
