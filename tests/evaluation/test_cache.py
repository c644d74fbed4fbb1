"""Scores of files seen before: equal to computed ones, found by content alone, and never from a damaged entry."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from siamtrack import evaluation
from siamtrack.evaluation import Scores, Truth, cache, scoring


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where scores are kept."""
    monkeypatch.setenv("SIAMTRACK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "scores"


@pytest.fixture
def world(tmp_path: Path) -> tuple[list[Truth], Path]:
    """Two sequences and the folder of a tracker that wrote results and times for them."""
    rng = np.random.default_rng(0)
    truths = [
        Truth(name, rng.uniform(20, 60, (12, 4)), attributes=frozenset({"blur"} if name == "a" else ()))
        for name in "ab"
    ]
    folder = tmp_path / "results" / "T"
    for truth in truths:
        evaluation.write_boxes(folder / f"{truth.name}.txt", truth.boxes + rng.normal(0, 4, (12, 4)))
        evaluation.write_times(folder / f"{truth.name}_time.txt", np.full(12, 0.02))
    return truths, folder


class Parsing:
    """Counts how often files are parsed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        parse = scoring.parse_results

        def counted(*args: object, **kwargs: object) -> object:
            self.count += 1
            return parse(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(scoring, "parse_results", counted)


def score(truths: list[Truth], folder: Path, protocol: str = "pysot") -> Scores:
    return evaluation.evaluate_folders(truths, {folder.name: folder}, protocol, benchmark="OTB100")[0]


def assert_equal(a: Scores, b: Scores) -> None:
    assert a.metrics() == b.metrics()
    assert (a.tracker, a.benchmark, a.protocol, a.sequences) == (b.tracker, b.benchmark, b.protocol, b.sequences)
    assert a.attributes == b.attributes
    for curve, hits in a.hits.items():
        np.testing.assert_array_equal(hits, b.hits[curve])
        np.testing.assert_array_equal(a.sequence_curves(curve), b.sequence_curves(curve))


def test_the_second_time_nothing_is_parsed(
    world: tuple[list[Truth], Path], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truths, folder = world
    parsing = Parsing(monkeypatch)
    first, second = score(truths, folder), score(truths, folder)
    assert parsing.count == 1
    frames = {truth.name: len(truth.boxes) for truth in truths}
    whole = evaluation.evaluate(truths, evaluation.load_results(folder, frames), "pysot", benchmark="OTB100")
    for scores in (first, second):
        assert_equal(scores, whole)
    assert second.fps == pytest.approx(50)
    assert second.with_attribute("blur").sequences == ("a",)


def test_content_decides_and_nothing_else(
    world: tuple[list[Truth], Path], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truths, folder = world
    parsing = Parsing(monkeypatch)
    score(truths, folder)
    moved = folder.rename(folder.with_name("U"))
    for path in moved.iterdir():
        path.touch()
    assert score(truths, moved).tracker == "U"
    assert parsing.count == 1
    text = (moved / "a.txt").read_bytes()
    (moved / "a.txt").write_bytes(text.replace(b"1", b"2", 1))  # of the same length and under the same name
    assert score(truths, moved).metrics() != score([truths[0], truths[1]], moved, "got10k").metrics()
    assert parsing.count == 3
    shifted = [Truth("a", truths[0].boxes + 1), truths[1]]
    hidden = [Truth("a", truths[0].boxes, visible=np.arange(12) < 6), truths[1]]
    for others in (shifted, hidden, truths[:1], truths[::-1]):
        score(others, moved)
    assert parsing.count == 7


def test_damaged_entries_are_not_used(
    world: tuple[list[Truth], Path], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truths, folder = world
    parsing = Parsing(monkeypatch)
    first = score(truths, folder)
    (entry,) = kept.iterdir()
    content = entry.read_bytes()
    for damaged in (b"", content[:-1], content[:40], content[:-9] + bytes(9), b"x" + content[1:], content + b"x"):
        before = parsing.count
        entry.write_bytes(damaged)
        assert_equal(score(truths, folder), first)
        assert parsing.count == before + 1
        assert entry.read_bytes() == content  # and are replaced


def test_what_was_warned_of_is_said_again(
    world: tuple[list[Truth], Path], kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    truths, folder = world
    boxes = evaluation.read_boxes(folder / "a.txt")
    evaluation.write_boxes(folder / "a.txt", boxes[:-1])
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            score(truths, folder)
        assert "11 rows for 12 frames; the last row is repeated" in caplog.text
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            evaluation.evaluate_folders(truths[1:], {"T": folder}, "pysot", benchmark="LaSOT-test")
        assert caplog.text.count("no sequence says which those are") == 1


@pytest.mark.parametrize("home", ["off", "/proc/nowhere"])
def test_without_a_place_to_keep_them(
    world: tuple[list[Truth], Path], home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIAMTRACK_CACHE", home)
    parsing = Parsing(monkeypatch)
    truths, folder = world
    assert_equal(score(truths, folder), score(truths, folder))
    assert parsing.count == 2


def test_where_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIAMTRACK_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "siamtrack" / "scores"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder() == tmp_path / ".cache" / "siamtrack" / "scores"
    monkeypatch.setenv("SIAMTRACK_CACHE", str(tmp_path / "own"))
    assert cache.folder() == tmp_path / "own" / "scores"


def test_got10k_is_kept_too(world: tuple[list[Truth], Path], kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truths, folder = world
    parsing = Parsing(monkeypatch)
    sized = [Truth(truth.name, truth.boxes, resolution=(200, 200)) for truth in truths]
    first, second = (
        evaluation.evaluate_folders(sized, {"T": folder}, benchmark="GOT-10k")[0].metrics() for _ in range(2)
    )
    assert first == second
    assert set(first) == {"ao", "sr50", "sr75", "fps"}
    assert parsing.count == 1
