"""Workspaces of the official VOT toolkit, and the tracker behind TraX as the toolkit's own client sees it."""

from __future__ import annotations

import configparser
import subprocess
import sys

import numpy as np
import pytest
import yaml

from siamtrack.data.anchors import anchors_of
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError, Sequence
from siamtrack.data.synthetic import write_dataset
from siamtrack.tracking.workspace import Entry, stack_of, write_workspace

EXPERIMENTS = {"supervised": (5, 9), "multistart": (5, 9), "longterm": (5, 9)}


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    world = write_dataset(tmp_path_factory.mktemp("world"), 2, train=0, test=2, test_frames=6, progress=False)
    return list(open_dataset("got10k", world, split="test"))


def test_a_workspace_reads_back_as_a_vot_data_set(sequences, tmp_path):
    folder = write_workspace(tmp_path / "w", sequences, Entry("mine", ("python", "-m", "x")), EXPERIMENTS)
    again = list(open_dataset("vot", folder))
    assert [sequence.name for sequence in again] == [sequence.name for sequence in sequences]
    for ours, theirs in zip(sequences, again, strict=True):
        np.testing.assert_allclose(theirs.boxes, ours.boxes, atol=1e-4)
        np.testing.assert_array_equal(theirs.frames[3], ours.frames[3])
    facts = dict(line.split("=") for line in (folder / "sequences" / again[0].name / "sequence").read_text().split())
    assert facts["channels.color"] == "color/%08d.jpg"
    assert (facts["width"], facts["height"], facts["length"]) == ("320", "240", "6")
    anchors = (folder / "sequences" / again[0].name / "anchor.value").read_text().split()
    assert anchors == ["1", "0", "0", "0", "0", "-1"]
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config == {"stack": "stack.yaml", "registry": ["./trackers.ini"]}


def test_experiments_are_those_of_the_challenges():
    stack = stack_of(EXPERIMENTS, repetitions=3)["experiments"]
    assert {name: about["type"] for name, about in stack.items()} == {
        "baseline": "supervised",
        "multistart": "multistart",
        "longterm": "unsupervised",
    }
    assert stack["baseline"]["repetitions"] == 3
    assert stack["baseline"]["skip_initialize"] == 5
    assert {"type": "supervised_eao_score", "low": 5, "high": 9} in stack["baseline"]["analyses"]
    assert list(stack_of({"multistart": (5, 9)})["experiments"]) == ["baseline"]  # where the challenge has it


def test_a_second_tracker_joins_and_a_second_workspace_does_not(sequences, tmp_path):
    folder = write_workspace(tmp_path / "w", sequences[:1], Entry("a b", ("python", "100%")), EXPERIMENTS)
    write_workspace(folder, sequences[:1], Entry("other", ("python",)), EXPERIMENTS)
    write_workspace(folder, sequences[:1], Entry("a b", ("python3", "a path", "100%")), EXPERIMENTS)
    trackers = configparser.ConfigParser()
    trackers.read(folder / "trackers.ini")
    assert sorted(trackers.sections()) == ["a-b", "other"]
    assert trackers["a-b"]["command"] == "python3 'a path' 100%"
    assert trackers["a-b"]["label"] == "a b"
    with pytest.raises(ValueError, match=r"stack.yaml: there is another workspace in this folder"):
        write_workspace(folder, sequences[:1], Entry("c", ("python",)), {"longterm": (5, 9)})


def test_frames_that_are_no_files_are_refused(tmp_path):
    inside = Sequence("s", [np.zeros((9, 9, 3), np.uint8)] * 2, np.ones((2, 4)))
    with pytest.raises(DataError, match="the toolkit reads image files"):
        write_workspace(tmp_path / "w", [inside], Entry("c", ("python",)), EXPERIMENTS)


def test_anchors_lie_where_the_target_is_seen():
    boxes = np.tile([1.0, 2, 3, 4], (120, 1))
    boxes[95:] = np.nan
    anchors = anchors_of(Sequence("s", [np.zeros((9, 9, 3), np.uint8)] * 120, boxes))
    assert np.flatnonzero(anchors).tolist() == [0, 50, 94]
    assert anchors[[0, 50, 94]].tolist() == [1, 1, -1]
    with pytest.raises(DataError, match="no frame has a box"):
        anchors_of(Sequence("s", [np.zeros((9, 9, 3), np.uint8)] * 2, np.full((2, 4), np.nan)))


@pytest.mark.slow
def test_the_toolkits_client_runs_our_tracker(sequences):
    """Started, asked for frames, started anew elsewhere on a polygon, and sent home."""
    client = pytest.importorskip("trax.client")
    trax = pytest.importorskip("trax")
    command = [sys.executable, "-m", "siamtrack.tracking.trax", "--baseline", "static"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert process.stdin
    assert process.stdout
    try:
        toolkit = client.Client(stream=(process.stdin.fileno(), process.stdout.fileno()), log=lambda message: None)
        paths = [sequences[0].frames.path(i) for i in range(3)]
        frames = [{"color": trax.FileImage.create(path)} for path in paths]
        start = trax.Rectangle.create(10.5, 20.25, 30, 40)
        state, _ = toolkit.initialize(frames[0], [(start, {})], {})
        assert state[0][0].bounds() == (10.5, 20.25, 30, 40)
        state, _ = toolkit.frame(frames[1], {}, [])
        assert state[0][0].bounds() == (10.5, 20.25, 30, 40)
        assert float(state[0][1]["confidence"]) == 1
        corners = trax.Polygon.create([(50.0, 60.0), (90.0, 60.0), (90.0, 90.0), (50.0, 90.0)])
        toolkit.initialize(frames[1], [(corners, {})], {})
        state, _ = toolkit.frame(frames[2], {}, [])
        assert state[0][0].bounds() == (49.5, 59.5, 41, 31)  # pysot's upright box of a quadrilateral
        toolkit.quit()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
