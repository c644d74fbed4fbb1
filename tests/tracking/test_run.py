"""Running a tracker over sequences: files, resuming, and one bad sequence among good ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from siamtrack.data.sequence import ImageFrames, Sequence
from siamtrack.evaluation import read_boxes, read_times
from siamtrack.tracking.run import follow, run
from siamtrack.tracking.tracker import Result, Tracker


class Drifting(Tracker):
    """Moves one pixel to the right in every frame."""

    name = "drifting"
    starts = 0

    def _start(self, frame, box):
        self.box, self.starts = box, self.starts + 1

    def _step(self, frame):
        self.box = (self.box[0] + 1, *self.box[1:])
        return Result(self.box, 1.0)


class Black(list):
    """Frames in memory."""

    def __init__(self, count: int) -> None:
        super().__init__(np.zeros((50, 80, 3), np.uint8) for _ in range(count))


def sequence(name: str, frames: int = 4, offset: float = 0.0, box=(10, 10, 20, 20)) -> Sequence:
    return Sequence(name, Black(frames), np.tile(np.array(box, float), (frames, 1)), offset=offset)


def test_results_are_in_the_files_own_numbers(tmp_path):
    assert run(Drifting(), [sequence("walk", offset=1.0)], tmp_path, "OTB100") == []
    folder = tmp_path / "OTB100" / "drifting"
    boxes = read_boxes(folder / "walk.txt")
    # the file counts from 1: the tracker sees 9, 10, 11, ... and the results say 10, 11, 12, ... again
    np.testing.assert_allclose(boxes[:, 0], [10, 11, 12, 13])
    assert len(read_times(folder / "walk_time.txt")) == 4
    assert follow(Drifting(), sequence("walk", offset=1.0)).boxes[0].tolist() == [9, 9, 20, 20]


def test_what_is_complete_is_not_tracked_again(tmp_path):
    sequences = [sequence("a"), sequence("b")]
    tracker = Drifting()
    run(tracker, sequences, tmp_path, "set")
    folder = tmp_path / "set" / "drifting"
    (folder / "b.txt").write_text("1,2,3,4\n")  # as if cut off
    run(tracker, sequences, tmp_path, "set")
    assert tracker.starts == 3
    assert len(read_boxes(folder / "b.txt")) == 4


def test_one_bad_sequence_does_not_stop_the_others(tmp_path):
    missing = Sequence("missing", ImageFrames([tmp_path / "nowhere.jpg"]), np.ones((1, 4)))
    flat = sequence("flat", box=(10, 10, 0, 20))
    failures = run(Drifting(), [missing, flat, sequence("good")], tmp_path, "set")
    assert [failure.sequence for failure in failures] == ["missing", "flat"]
    assert "nowhere.jpg" in failures[0].reason
    assert "has no area" in failures[1].reason
    folder = tmp_path / "set" / "drifting"
    assert sorted(path.name for path in folder.glob("*.txt")) == ["good.txt", "good_time.txt"]
    assert set(json.loads((folder / "meta.json").read_text())["failures"]) == {"missing", "flat"}


def test_fewer_frames_than_boxes_is_said(tmp_path):
    short = Sequence("short", Black(3), np.tile([10.0, 10, 20, 20], (5, 1)))
    (failure,) = run(Drifting(), [short], tmp_path, "set")
    assert failure.reason == "sequence short: has boxes for 5 frames, but only 3 frames."


def test_another_checkpoint_may_not_go_on_with_these_results(tmp_path):
    run(Drifting(), [sequence("a")], tmp_path, "set", {"sha256": "1"})
    with pytest.raises(ValueError, match=r"holds results of another run \(sha256 differ: '1' there, '2' now\)"):
        run(Drifting(), [sequence("a")], tmp_path, "set", {"sha256": "2"})
