"""Several trackers on several benchmarks: order of work, repeated runs, challenges, and any number of processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from siamtrack import evaluation
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import ImageFrames, Sequence
from siamtrack.data.synthetic import write_dataset
from siamtrack.evaluation import vot
from siamtrack.tracking.challenge import LongTerm, Multistart, Supervised, experiment
from siamtrack.tracking.crew import Seat
from siamtrack.tracking.experiment import OnePass
from siamtrack.tracking.recipe import FromBaseline, FromCheckpoint, Given
from siamtrack.tracking.run import Assignment, Failure, run_all
from siamtrack.tracking.tracker import Result, Tracker
from tests.tiny import tiny_checkpoint


class Random(Tracker):
    """Draws its boxes, and notes what it was started on."""

    name = "random"

    def __init__(self) -> None:
        self.begun: list[int] = []

    def _start(self, frame, box):
        self.box = box
        self.begun.append(int(frame[0, 0, 0]))

    def _step(self, frame):
        x, y = np.random.uniform(0, 20, 2)
        return Result((float(x), float(y), *self.box[2:]), 0.5)


class Slipping(Tracker):
    """Right in every frame, but for those in which the upper left pixel says so."""

    name = "slipping"

    def _start(self, frame, box):
        self.box = box

    def _step(self, frame):
        return Result((60.0, 30.0, 5.0, 5.0) if frame[0, 0, 0] else self.box, 0.25)


class Frames(list):
    """Frames in memory, with a number in the upper left pixel."""

    def __init__(self, values) -> None:
        super().__init__(np.full((50, 80, 3), value, np.uint8) for value in values)


def sequence(name: str, values, box=(10.0, 10.0, 20.0, 20.0)) -> Sequence:
    return Sequence(name, Frames(values), np.tile(np.array(box), (len(values), 1)))


def test_the_longest_sequence_is_tracked_first(tmp_path):
    tracker = Random()
    first = [sequence("short", [1] * 2), sequence("long", [2] * 6)]
    reports = run_all(
        [Assignment(Given(tracker), "one", first), Assignment(Given(tracker), "two", [sequence("middle", [3] * 4)])],
        tmp_path,
    )
    assert tracker.begun == [2, 3, 1]  # over both benchmarks
    assert [(report.folder, report.tracked) for report in reports] == [
        (tmp_path / "one" / "random", 2),
        (tmp_path / "two" / "random", 1),
    ]


def test_repeated_runs_draw_anew_and_are_the_same_again(tmp_path):
    sequences = [sequence("walk", [0] * 5)]
    for output in ("a", "b"):
        run_all([Assignment(Given(Random()), "set", sequences, repeat=3)], tmp_path / output)
    runs = [[(tmp_path / o / f"set/random/walk_00{r}.txt").read_text() for r in (1, 2, 3)] for o in ("a", "b")]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 3
    found = evaluation.load_results(tmp_path / "a/set/random", {"walk": 5})
    assert len(found.boxes["walk"]) == 3
    # a single run has no number: the two would be read as runs of one tracker
    with pytest.raises(ValueError, match="runs differ"):
        run_all([Assignment(Given(Random()), "set", sequences)], tmp_path / "a")


def test_only_what_is_missing_is_run_again(tmp_path):
    tracker, sequences = Random(), [sequence("a", [1] * 3), sequence("b", [2] * 3)]
    assignment = Assignment(Given(tracker), "set", sequences, repeat=2)
    run_all([assignment], tmp_path)
    (tmp_path / "set/random/b_002.txt").unlink()
    run_all([assignment], tmp_path)
    assert sorted(tracker.begun) == [1, 1, 2, 2, 2]


def test_sequences_that_cannot_be_opened_are_reported_with_the_others(tmp_path):
    gone = Sequence("gone", ImageFrames([tmp_path / "nowhere.jpg"] * 3), np.ones((3, 4)))
    assignment = Assignment(
        Given(Random()),
        "set",
        [gone, sequence("good", [0] * 3)],
        unopened=(Failure("torn", "its annotation is torn."),),
        notes=("chosen on set",),
    )
    (report,) = run_all([assignment], tmp_path)
    assert [failure.sequence for failure in report.failures] == ["torn", "gone"]
    assert report.tracked == 1
    meta = json.loads((report.folder / "meta.json").read_text())
    assert list(meta["failures"]) == ["torn", "gone"]
    assert meta["notes"] == ["chosen on set"]


def test_the_challenge_decides_the_experiment():
    kinds = {name: type(experiment("auto", name)) for name in ("VOT2018", "VOT2022", "VOT2018-LT", "OTB100")}
    assert kinds == {"VOT2018": Supervised, "VOT2022": Multistart, "VOT2018-LT": LongTerm, "OTB100": OnePass}
    assert isinstance(experiment("one-pass", "VOT2018"), OnePass)
    with pytest.raises(ValueError, match="no experiment 'reset'"):
        experiment("reset", "VOT2018")


def test_restarts_are_written_and_scored(tmp_path):
    slips = [0] * 30
    slips[12] = 1
    ((report),) = run_all([Assignment(Given(Slipping()), "VOT2018", [sequence("s", slips)], Supervised())], tmp_path)
    rows = (report.folder / "baseline/s/s_001.txt").read_text().splitlines()
    assert (rows[0], rows[12], rows[13:17], rows[17]) == ("1", "2", ["0"] * 4, "1")
    assert rows[1] == "10.0000,10.0000,20.0000,20.0000"
    scores = scored(report.folder, sequence("s", slips), "VOT2018")
    assert scores.value("lost_number") == 1
    assert scores.value("accuracy") == 1


def test_either_toolkits_overlap_may_decide_a_failure(tmp_path):
    """Box and target share 0.4 px: a column of pysot's pixels, and none of the official ones, which are rounded."""
    touching = Sequence("s", Frames([0] * 9), np.array([[10.0, 10, 20, 20]] + [[29.6, 10, 20, 20]] * 8))
    first = {}
    for overlap in ("pysot", "official"):
        kind = experiment("auto", "VOT2018", overlap)
        (report,) = run_all([Assignment(Given(Slipping()), "VOT2018", [touching], kind)], tmp_path / overlap)
        first[overlap] = (report.folder / "baseline/s/s_001.txt").read_text().splitlines()[1]
    assert first == {"pysot": "10.0000,10.0000,20.0000,20.0000", "official": "2"}
    with pytest.raises(ValueError, match="failures by differ"):  # and results of both are not mixed
        run_all([Assignment(Given(Slipping()), "VOT2018", [touching], kind)], tmp_path / "pysot")


def test_runs_from_anchors_go_both_ways_and_are_scored(tmp_path):
    truth = sequence("s", [0] * 60)
    ((report),) = run_all([Assignment(Given(Slipping()), "VOT2022", [truth], Multistart())], tmp_path)
    folder = report.folder / "baseline/s"
    lengths = {path.stem: len(path.read_text().splitlines()) for path in sorted(folder.glob("*.txt"))}
    assert lengths == {"s_00000000": 60, "s_00000050": 51, "s_00000059": 60}
    scores = scored(report.folder, truth, "VOT2022")
    assert scores.value("robustness") == 1


def test_anchors_of_the_benchmark_come_first(tmp_path):
    truth = sequence("s", [0] * 20)
    anchors = np.zeros(20, np.int64)
    anchors[[4, 15]] = 1, -1
    own = Sequence("s", truth.frames, truth.file_boxes, anchors=anchors)
    ((report),) = run_all([Assignment(Given(Slipping()), "VOT2022", [own], Multistart())], tmp_path)
    assert report.failures == ()
    lengths = {path.stem: len(path.read_text().splitlines()) for path in report.folder.rglob("*.txt")}
    assert lengths == {"s_00000004": 16, "s_00000015": 16}


def test_long_term_results_carry_confidences(tmp_path):
    truth = sequence("s", [0] * 9)
    ((report),) = run_all([Assignment(Given(Slipping()), "VOT2018-LT", [truth], LongTerm())], tmp_path)
    confidence = (report.folder / "longterm/s/s_001_confidence.value").read_text().split("\n")
    assert confidence[:2] == ["", "0.250000"]
    assert scored(report.folder, truth, "VOT2018-LT").value("f1") > 0.9


def scored(folder: Path, sequence: Sequence, benchmark: str) -> vot.VotScores:
    from siamtrack.data.anchors import anchors_of

    regions = vot.Regions.rectangles(sequence.file_boxes)
    truth = vot.VotTruth(sequence.name, regions, (80, 50), anchors=anchors_of(sequence))
    return vot.evaluate_folders([truth], {"slipping": folder}, benchmark=benchmark)[0]


@pytest.mark.slow
def test_results_are_the_same_for_any_number_of_processes(tmp_path):
    world = write_dataset(tmp_path / "world", 4, train=0, test=3, test_frames=8, progress=False)
    sequences = list(open_dataset("got10k", world, split="test"))
    torn = Path(sequences[1].frames.path(5))
    torn.write_bytes(torn.read_bytes()[:400])
    network = FromCheckpoint.of(tiny_checkpoint(tmp_path / "tiny.safetensors"), name="tiny")
    texts = {}
    for processes in (1, 2):
        output = tmp_path / f"{processes}"
        assignments = [
            Assignment(network, "world", sequences, repeat=2),
            Assignment(FromBaseline.of("static"), "world", sequences, Multistart()),
        ]
        reports = run_all(assignments, output, [Seat("cpu", 1)] * processes)
        assert [[failure.sequence for failure in report.failures] for report in reports] == [[sequences[1].name]] * 2
        assert "cut short" in reports[0].failures[0].reason
        assert [report.tracked for report in reports] == [2, 2]
        files = [p for p in sorted(output.rglob("*.txt")) if not p.stem.endswith("_time")]
        texts[processes] = {path.relative_to(output): path.read_text() for path in files}
    assert texts[1] == texts[2]
    assert len(texts[1]) == 2 * 2 + 2 * 2
