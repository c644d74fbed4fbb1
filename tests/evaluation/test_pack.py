"""Archives for servers: what is in them, and a sentence for everything a server would refuse."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from siamtrack.evaluation import ResultError, write_boxes, write_times
from siamtrack.evaluation.pack import Expected, pack_got10k, pack_trackingnet
from siamtrack.evaluation.vot import Regions, VotTruth, run_file, save_run
from siamtrack.evaluation.vot.pack import pack_vot

BOXES = np.array([[1.5, 2.25, 30, 40], [2, 3, 31, 41], [3, 4, 32, 42]])
EXPECTED = {name: Expected(3, BOXES[0]) for name in ("GOT-10k_Test_000001", "GOT-10k_Test_000002")}


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "tracker"
    for name in EXPECTED:
        write_boxes(folder / f"{name}.txt", BOXES)
        write_times(folder / f"{name}_time.txt", [0.5, 0.25, 0.125])
    return folder


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def refused(pack, *arguments):
    with pytest.raises(ResultError) as caught:
        pack(*arguments)
    count, *sentences = str(caught.value).splitlines()
    assert count == f"{len(sentences)} violations, so nothing was packed:"
    return sentences


def test_got10k_gets_the_layout_of_its_toolkit(results, tmp_path):
    packed = pack_got10k(results, EXPECTED, tmp_path / "out.zip")
    found = contents(packed.path)
    assert sorted(found) == [f"{name}/{name}_{end}.txt" for name in EXPECTED for end in ("001", "time")]
    assert found["GOT-10k_Test_000001/GOT-10k_Test_000001_001.txt"].splitlines()[0] == "1.5000,2.2500,30.0000,40.0000"
    assert found["GOT-10k_Test_000001/GOT-10k_Test_000001_time.txt"].split() == ["0.500000", "0.250000", "0.125000"]
    again = pack_got10k(results, EXPECTED, tmp_path / "again.zip")
    assert again.path.read_bytes() == packed.path.read_bytes()


def test_got10k_takes_its_own_toolkits_folder_and_repeated_runs(tmp_path):
    folder = tmp_path / "theirs"
    for name in EXPECTED:
        (folder / name).mkdir(parents=True)
        for run in (1, 2):
            np.savetxt(folder / name / f"{name}_00{run}.txt", BOXES, fmt="%.3f", delimiter=",")
        np.savetxt(folder / name / f"{name}_time.txt", np.ones((3, 2)), fmt="%.8f", delimiter=",")
    found = contents(pack_got10k(folder, EXPECTED, tmp_path / "out.zip").path)
    assert len(found) == 6
    assert found["GOT-10k_Test_000002/GOT-10k_Test_000002_time.txt"].splitlines()[0] == "1.00000000,1.00000000"


def test_times_of_repeated_runs_stand_side_by_side(tmp_path):
    for run in (1, 2):
        write_boxes(tmp_path / f"t/a_00{run}.txt", BOXES)
        write_times(tmp_path / f"t/a_00{run}_time.txt", [run, run, run])
    found = contents(pack_got10k(tmp_path / "t", {"a": Expected(3)}, tmp_path / "out.zip").path)
    assert found["a/a_time.txt"] == "1.000000,2.000000\n" * 3


def test_trackingnet_gets_flat_files(results, tmp_path):
    found = contents(pack_trackingnet(results, EXPECTED, tmp_path / "out.zip").path)
    assert sorted(found) == [f"{name}.txt" for name in EXPECTED]


def test_every_violation_is_a_sentence(results, tmp_path):
    first, second = (results / f"{name}.txt" for name in EXPECTED)
    first.write_text("9,9,30,40\n1\t2\t3\t4\nnan,1,2,3\n1,2,0,4\n")
    second.unlink()
    (results / "Basketball.txt").write_text("1,2,3,4\n")
    sentences = refused(pack_got10k, results, EXPECTED, tmp_path / "out.zip")
    assert sentences == [
        f"{first}, row 2: '1\\t2\\t3\\t4' is not x,y,w,h with commas between.",
        f"{first}: 4 rows for 3 frames; one row per frame is right.",
        f"{first}, row 3: nan,1,2,3 is not finite.",
        f"{first}, row 4: 1,2,0,4 has no area (w, h above 0).",
        f"{first}, row 1: 9,9,30,40 is not the start box 1.5,2.25,30,40.",
        f"{results}: sequence GOT-10k_Test_000002 has no result "
        "(GOT-10k_Test_000002/GOT-10k_Test_000002_001.txt or GOT-10k_Test_000002.txt).",
        f"{results / 'Basketball.txt'}: is no result of any of the 2 sequences; take it out.",
    ]
    assert not (tmp_path / "out.zip").exists()


def test_a_text_that_is_no_result_is_one_sentence(results, tmp_path):
    path = results / "GOT-10k_Test_000001.txt"
    path.write_text("hello\n")
    (sentence,) = refused(pack_trackingnet, results, EXPECTED, tmp_path / "out.zip")
    assert sentence.startswith(f"{path}, line 1: 'hello' is not numbers")
    with pytest.raises(ResultError, match="no such folder"):
        pack_trackingnet(tmp_path / "nowhere", EXPECTED, tmp_path / "out.zip")


TRUTH = VotTruth("ants", Regions.rectangles(BOXES), (100, 100), anchors=np.array([1, 0, -1]))


def test_vot_wants_every_anchor_or_every_repetition(tmp_path):
    rows = [(1,), *BOXES[1:]]
    anchored, restarting = tmp_path / "anchored", tmp_path / "restarting"
    save_run(run_file(anchored, "ants", 0, "multistart"), rows, np.ones(3))
    assert refused(pack_vot, anchored, [TRUTH], "VOT2022", tmp_path / "out.zip") == [
        f"{anchored}: sequence ants lacks 1 of 2 runs, the first is ants_00000002.txt."
    ]
    save_run(run_file(anchored, "ants", 2, "multistart"), rows, np.ones(3))
    found = contents(pack_vot(anchored, [TRUTH], "VOT2022", tmp_path / "out.zip").path)
    assert sorted(found) == [
        "baseline/ants/ants_00000000.txt",
        "baseline/ants/ants_00000000_time.value",
        "baseline/ants/ants_00000002.txt",
        "baseline/ants/ants_00000002_time.value",
        "manifest.yml",
    ]
    assert 'identifier: "anchored"' in found["manifest.yml"]

    for run in (1, 2):
        save_run(run_file(restarting, "ants", run), rows)
    (sentence,) = refused(pack_vot, restarting, [TRUTH], "VOT2018", tmp_path / "three.zip")
    assert sentence.endswith(
        "the first is ants_003.txt; 3 are enough where they are equal (siamtrack test --repeat 3)."
    )
    save_run(run_file(restarting, "ants", 3), rows)
    assert pack_vot(restarting, [TRUTH], "VOT2018", tmp_path / "three.zip").files == 4


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(1,), (2,), (2,)], "row 3: 2 (failure) without an initialisation (1) since row 2."),
        ([(1,), BOXES[1]], ": 2 rows for 3 frames; one row per frame is right."),
        ([(1,), (5, 5, 0, 3), BOXES[2]], "row 2: [5.0, 5.0, 0.0, 3.0] has no area (w, h above 0)."),
    ],
)
def test_vot_runs_are_looked_through(tmp_path, rows, said):
    for run in (1, 2, 3):
        save_run(run_file(tmp_path / "t", "ants", run), rows)
    sentences = refused(pack_vot, tmp_path / "t", [TRUTH], "VOT2018", tmp_path / "out.zip")
    assert len(sentences) == 3
    assert all(sentence.endswith(said) for sentence in sentences)
