"""got10k's own experiments run our trackers: the same boxes as ours, and the same score by its report."""

from __future__ import annotations

import json

import numpy as np
import pytest
from got10k.experiments import ExperimentGOT10k, ExperimentOTB

from siamtrack import evaluation
from siamtrack.data.readers import open_dataset
from siamtrack.data.synthetic import write_dataset
from siamtrack.tracking.got10k import Got10kAdapter
from siamtrack.tracking.run import run
from siamtrack.tracking.tracker import Result, Tracker


class Drifting(Tracker):
    """Moves by a pixel a frame, and looks at the frame's colours: RGB and BGR would differ."""

    name = "drifting"

    def _start(self, frame, box):
        self.box = box

    def _step(self, frame):
        red, blue = float(frame[..., 0].mean()), float(frame[..., 2].mean())
        self.box = (self.box[0] + 1, self.box[1] + (red > blue), *self.box[2:])
        return Result(self.box, 1.0)


@pytest.fixture
def world(tmp_path):
    root = write_dataset(tmp_path / "world", 6, train=0, test=3, test_frames=7, progress=False)
    (root / "test").rename(root / "val")
    return root


def test_the_experiment_of_got10k(world, tmp_path):
    toolkit = ExperimentGOT10k(
        str(world), subset="val", result_dir=str(tmp_path / "theirs"), report_dir=str(tmp_path / "reports")
    )
    toolkit.run(Got10kAdapter(Drifting()))
    toolkit.report(["drifting"])
    sequences = list(open_dataset("got10k", world, split="val"))
    assert run(Drifting(), sequences, tmp_path / "ours", "GOT-10k") == []
    frames = {sequence.name: len(sequence) for sequence in sequences}
    theirs, ours = (
        evaluation.load_results(tmp_path / whose / "GOT-10k" / "drifting", frames) for whose in ("theirs", "ours")
    )
    for name in frames:
        np.testing.assert_allclose(theirs.boxes[name][0], ours.boxes[name][0], atol=5.1e-4)  # it writes three decimals
    truths = [
        evaluation.Truth(s.name, s.file_boxes, cover=s.cover, resolution=s.frames[0].shape[1::-1]) for s in sequences
    ]
    scores = evaluation.evaluate_all(truths, [theirs], "got10k", benchmark="GOT-10k")[0]
    said = json.loads((tmp_path / "reports" / "GOT-10k" / "drifting" / "performance.json").read_text())
    assert scores.value("ao") == pytest.approx(said["drifting"]["overall"]["ao"], abs=1e-12)


def test_the_experiment_of_otb(world, tmp_path):
    """A tree as OTB has it, with its numbers that count from 1."""
    sequences = list(open_dataset("got10k", world, split="val"))
    root = tmp_path / "OTB"
    for name, sequence in zip(("Crossing", "Deer", "Man"), sequences, strict=True):
        (root / name / "img").mkdir(parents=True)
        for i in range(len(sequence)):
            source = world / "val" / sequence.name / f"{i + 1:08d}.jpg"
            (root / name / "img" / f"{i + 1:04d}.jpg").write_bytes(source.read_bytes())
        np.savetxt(
            root / name / "groundtruth_rect.txt", sequence.boxes + np.array([1, 1, 0, 0]), fmt="%.3f", delimiter=","
        )
    toolkit = ExperimentOTB.__new__(ExperimentOTB)  # its constructor wants all of OTB
    toolkit.dataset = _Otb(root)
    toolkit.result_dir = str(tmp_path / "theirs")
    toolkit.run(Got10kAdapter(Drifting(), name="ours"))
    ours = list(open_dataset("OTB100", root))
    run(Drifting(), ours, tmp_path / "out", "OTB100")
    for sequence in ours:
        theirs = evaluation.read_boxes(tmp_path / "theirs" / "ours" / f"{sequence.name}.txt")
        own = evaluation.read_boxes(tmp_path / "out" / "OTB100" / "drifting" / f"{sequence.name}.txt")
        np.testing.assert_allclose(theirs, own, atol=5.1e-4)


class _Otb:
    """What ExperimentOTB asks of its data set, for a tree of three sequences."""

    def __init__(self, root) -> None:
        self.root, self.seq_names = root, sorted(path.name for path in root.iterdir())

    def __len__(self) -> int:
        return len(self.seq_names)

    def __getitem__(self, index):
        folder = self.root / self.seq_names[index]
        files = [str(path) for path in sorted((folder / "img").glob("*.jpg"))]
        return files, np.loadtxt(folder / "groundtruth_rect.txt", delimiter=",")
