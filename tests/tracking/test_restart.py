"""Restarts after failures: which frames are started, judged and left out."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamtrack.data.sequence import Sequence
from siamtrack.evaluation.vot import Regions, VotRun
from siamtrack.evaluation.vot.trajectories import check_restarts
from siamtrack.tracking.restart import follow_with_restarts, overlap_with_truth
from siamtrack.tracking.tracker import Result, Tracker


class Frames(list[np.ndarray]):
    """Frames that know which of them were decoded."""

    def __init__(self, count: int) -> None:
        super().__init__(np.full((60, 80, 3), i, np.uint8) for i in range(count))
        self.seen: list[int] = []

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]
        self.seen.append(index)
        return super().__getitem__(index)


class Scripted(Tracker):
    """Says a given box in each frame, and remembers where it was started."""

    def __init__(self, boxes: SequenceOf[SequenceOf[float]]) -> None:
        self.boxes, self.starts = boxes, []

    def _start(self, frame, box) -> None:
        self.starts.append((int(frame[0, 0, 0]), box))

    def _step(self, frame) -> Result:
        return Result(tuple(map(float, self.boxes[int(frame[0, 0, 0])])), 0.5)


def sequence(frames: int, **more) -> tuple[Sequence, Frames]:
    boxes = np.tile([20.0, 20, 10, 10], (frames, 1)) + np.arange(frames)[:, None] * [1, 0, 0, 0]
    pixels = Frames(frames)
    return Sequence("s", pixels, boxes, **more), pixels


def test_a_failure_rests_for_four_frames_and_starts_in_the_fifth() -> None:
    truth, pixels = sequence(20)
    said = truth.file_boxes.copy()
    said[4] = 60, 45, 5, 5
    said[12] = 90, 70, 10, 10  # beyond the frame
    tracker = Scripted(said)
    track = follow_with_restarts(tracker, truth)
    assert [row[0] if len(row) == 1 else "box" for row in track.rows] == (
        [1, "box", "box", "box", 2, 0, 0, 0, 0, 1, "box", "box", 2, 0, 0, 0, 0, 1, "box", "box"]
    )
    assert track.rows[10] == tuple(said[10])
    assert track.failures == 2
    assert [frame for frame, _ in tracker.starts] == [0, 9, 17]
    assert tracker.starts[1][1] == tuple(truth.boxes[9])
    assert pixels.seen == [0, 1, 2, 3, 4, 9, 10, 11, 12, 17, 18, 19]
    assert np.isnan(track.seconds).tolist() == [row == (0,) for row in track.rows]


def test_a_failure_near_the_end_is_not_followed_by_a_start() -> None:
    truth, _ = sequence(8)
    said = truth.file_boxes.copy()
    said[5] = 0, 0, 2, 2
    track = follow_with_restarts(Scripted(said), truth)
    assert track.rows[5:] == ((2,), (0,), (0,))


def test_a_start_waits_for_a_true_box_and_frames_without_one_are_not_judged() -> None:
    truth, _ = sequence(12)
    truth.file_boxes[[6, 7, 9]] = np.nan
    said = np.nan_to_num(truth.file_boxes, nan=1.0)
    said[1] = 0, 0, 2, 2
    said[10] = np.nan
    track = follow_with_restarts(Scripted(said), truth)
    assert [len(row) for row in track.rows] == [1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 1, 1]
    assert track.rows[6:9] == ((0,), (0,), (1,))
    assert track.rows[10] == (2,)


def test_polygons_decide_where_there_are_some() -> None:
    """A box inside the bounds of a thin slanted target that misses the target itself has lost it."""
    polygons = np.tile([10.0, 10, 12, 10, 60, 50, 58, 50], (3, 1))
    truth = Sequence("s", Frames(3), np.tile([20.0, 15, 30, 30], (3, 1)), polygons=polygons)
    overlap = overlap_with_truth(truth)
    assert overlap((50, 12, 8, 8), 1, (80, 60)) == 0
    assert overlap((30, 25, 8, 8), 1, (80, 60)) > 0
    assert follow_with_restarts(Scripted([[50, 12, 8, 8]] * 3), truth).rows == ((1,), (2,), (0,))


def test_the_benchmarks_own_counting_of_pixels_is_met() -> None:
    """A box that touches the frame's first column only in 0-based numbers is inside the frame all the same."""
    boxes = np.array([[1.0, 1, 10, 10]] * 2)
    truth = Sequence("s", Frames(2), boxes, offset=1.0)
    assert overlap_with_truth(truth)((0.0, 0.0, 10.0, 10.0), 1, (80, 60)) == 1


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_rows_are_those_of_a_restarting_run(lost: list[bool]) -> None:
    """Whatever is lost, evaluation accepts the rows, and each failure is followed by exactly four rests."""
    truth, _ = sequence(len(lost))
    track = follow_with_restarts(Scripted(truth.file_boxes), truth, lambda box, frame, size: 1.0 - lost[frame])
    check_restarts(VotRun(Regions.of(track.rows)), "s")
    codes = [int(row[0]) if len(row) == 1 else -1 for row in track.rows]
    for i in (i for i, code in enumerate(codes) if code == 2):
        assert lost[i]
        assert codes[i + 1 : i + 6] == [0, 0, 0, 0, 1][: len(codes) - i - 1]
    assert codes.count(0) <= 4 * codes.count(2)


def test_a_sequence_without_a_first_box_is_refused() -> None:
    truth, _ = sequence(3)
    truth.file_boxes[0] = np.nan
    with pytest.raises(ValueError, match="start box"):
        follow_with_restarts(Scripted(truth.file_boxes), truth)
