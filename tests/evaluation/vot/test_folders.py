"""Folders of VOT results: found in the toolkits' layouts, read for the experiment that is asked for."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from siamtrack.evaluation import ResultError, vot
from siamtrack.evaluation.vot import Regions, VotTruth

BOX = (10.0, 10.0, 20.0, 20.0)
RUN = [(1,), *[BOX] * 29]


def truths(*names: str) -> list[VotTruth]:
    return [VotTruth(name, Regions.rectangles(np.tile(BOX, (30, 1))), (80, 60)) for name in names]


def results(folder: Path, *names: str, rows: list[tuple[float, ...]] = RUN, runs: int = 1) -> Path:
    for name in names:
        for run in range(runs):
            vot.save_run(vot.run_file(folder, name, run + 1), rows, np.full(len(rows), 0.02))
    return folder


@pytest.mark.parametrize("below", ["", "A", "VOT2018/A"])
def test_trackers_are_found_at_any_height(tmp_path: Path, below: str) -> None:
    folder = results(tmp_path / "A" / below if not below else tmp_path / below, "ants1", "bag")
    root = folder if not below else tmp_path
    assert vot.find_vot_trackers(root, ["ants1", "bag"]) == {"A": folder}


def test_trackers_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Editions share sequences: runs of one year must not be scored in the place of another's."""
    folders = {f"{year}/A": results(tmp_path / year / "A", "ants1") for year in ("VOT2017", "VOT2018")}
    other = results(tmp_path / "VOT2018" / "B", "ants1")
    assert vot.find_vot_trackers(tmp_path, ["ants1"]) == {**folders, "B": other}


def test_the_experiment_folder_may_be_given_or_left_out(tmp_path: Path) -> None:
    folder = results(tmp_path / "A", "ants1")
    assert list(vot.find_vot_trackers(folder / "baseline", ["ants1"])) == ["A"]
    (folder / "baseline" / "ants1").rename(folder / "ants1")
    (folder / "baseline").rmdir()
    assert len(vot.load_vot_results(folder, ["ants1"], "supervised").runs["ants1"]) == 1


def test_scores_carry_speed_and_protocol(tmp_path: Path) -> None:
    folder = results(tmp_path / "A", "ants1", "bag")
    scores = vot.evaluate_folders(truths("ants1", "bag"), {"A": folder}, benchmark="VOT2018")[0]
    assert scores.protocol.name == "pysot-vot"
    assert scores.fps == pytest.approx(50)
    assert scores.metrics()["lost_number"] == 0
    assert scores.metrics()["accuracy"] == 1
    with pytest.raises(ValueError, match="reports no metric 'f1'; it reports eao, accuracy, robustness, lost_number"):
        scores.value("f1")
    with pytest.raises(ValueError, match="eao of pysot-vot belongs to all sequences together; of each are acc"):
        scores.sequence_values("eao")


def test_pysot_takes_one_run_unless_there_are_fifteen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = results(tmp_path / "A", "ants1", runs=3)
    failed = [(1,), *[BOX] * 9, (2,), *[(0,)] * 4, (1,), *[BOX] * 14]
    vot.save_run(vot.run_file(folder, "ants1", 2), failed)
    with caplog.at_level(logging.WARNING):
        one = vot.evaluate_folders(truths("ants1"), {"A": folder}, benchmark="VOT2018")[0]
    assert "up to 3 runs a sequence, of which pysot averages 15 or takes one: the first is scored" in caplog.text
    assert one.value("lost_number") == 0
    every = vot.evaluate_folders(truths("ants1"), {"A": folder}, "vot-toolkit", benchmark="VOT2018")[0]
    assert every.value("robustness") == pytest.approx(1 / 3)
    for run in range(4, 16):
        vot.save_run(vot.run_file(folder, "ants1", run), RUN)
    whole = vot.evaluate_folders(truths("ants1"), {"A": folder}, benchmark="VOT2018")[0]
    assert whole.value("lost_number") == pytest.approx(1 / 15)


def test_a_longer_run_is_cut_by_pysot_and_refused_by_the_official_toolkit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = results(tmp_path / "A", "ants1", rows=[*RUN, BOX])
    with caplog.at_level(logging.WARNING):
        vot.evaluate_folders(truths("ants1"), {"A": folder}, benchmark="VOT2018")
    assert "31 rows for 30 frames; compared as far as both reach" in caplog.text
    with pytest.raises(ResultError, match="31 rows for 30 frames, which the official toolkit refuses"):
        vot.evaluate_folders(truths("ants1"), {"A": folder}, "vot-toolkit", benchmark="VOT2018")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([BOX] * 30, "ants1_001.txt, row 1: a run that restarts begins with 1"),
        ([(2,), *[BOX] * 29], "row 1: a run that restarts begins with 1"),
        ([(1,), BOX, (1,), *[BOX] * 27], r"row 3: 1 \(initialisation\) without a failure \(2\) since row 1"),
        ([(1,), (2,), (0,), (2,), *[BOX] * 26], r"row 4: 2 \(failure\) without an initialisation \(1\) since row 2"),
    ],
)
@pytest.mark.parametrize("protocol", ["pysot-vot", "vot-toolkit"])
def test_codes_that_are_not_those_of_restarts(
    tmp_path: Path, protocol: str, rows: list[tuple[float, ...]], sentence: str
) -> None:
    folder = results(tmp_path / "A", "ants1", rows=rows)
    with pytest.raises(ResultError, match=sentence):
        vot.evaluate_folders(truths("ants1"), {"A": folder}, protocol, benchmark="VOT2018")


def test_missing_sequences_are_counted(tmp_path: Path) -> None:
    folder = results(tmp_path / "A", "ants1")
    with pytest.raises(ResultError, match=r"A: 2 of 3 sequences have no result in .*, the first is ants3 \(there is"):
        vot.evaluate_folders(truths("ants1", "ants3", "bag"), {"A": folder}, benchmark="VOT2018")


def test_folders_without_runs(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="no such folder"):
        vot.find_vot_trackers(tmp_path / "none", ["ants1"])
    with pytest.raises(ResultError, match=r"the folder is empty; <tracker>/baseline/<sequence>/<sequence>_001.txt"):
        vot.find_vot_trackers(tmp_path, ["ants1"])
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "ants1.txt").write_text("1,2,3,4\n")
    with pytest.raises(ResultError, match=r"no run of any of the 1 sequences.* scored by a one-pass protocol"):
        vot.find_vot_trackers(tmp_path, ["ants1"])


def test_binary_trajectories_are_pointed_out(tmp_path: Path) -> None:
    folder = tmp_path / "A" / "baseline" / "ants1"
    folder.mkdir(parents=True)
    (folder / "ants1_001.bin").write_bytes(b"\0")
    assert list(vot.find_vot_trackers(tmp_path, ["ants1"])) == ["A"]
    with pytest.raises(ResultError, match=r"a binary trajectory; text is read.*VOT_RESULTS_BINARY=0"):
        vot.load_vot_results(tmp_path / "A", ["ants1"], "supervised")


def test_anchors_and_confidences(tmp_path: Path) -> None:
    for anchor in (0, 29):
        vot.save_run(vot.run_file(tmp_path, "ants1", anchor, "multistart"), RUN)
    anchors = np.zeros(30, np.int64)
    anchors[0], anchors[29] = 1, -1
    truth = VotTruth("ants1", truths("ants1")[0].regions, (80, 60), anchors=anchors)
    scores = vot.evaluate_folders([truth], {"A": tmp_path}, benchmark="VOT2020")[0]
    # the row of the initialisation overlaps with nothing and counts
    assert scores.metrics() == pytest.approx({"eao": 0, "accuracy": 29 / 30, "robustness": 1})
    vot.run_file(tmp_path, "ants1", 29, "multistart").unlink()
    with pytest.raises(ResultError, match=r"no run from anchor 29; ants1_00000029\.txt is expected"):
        vot.evaluate_folders([truth], {"A": tmp_path}, benchmark="VOT2020")
    with pytest.raises(ValueError, match="ants1: no frame is an anchor"):
        vot.evaluate_folders(truths("ants1"), {"A": tmp_path}, benchmark="VOT2020")
    vot.save_run(vot.run_file(tmp_path, "ants1", 1, "longterm"), RUN)
    with pytest.raises(ResultError, match=r"no confidences beside it; .* ants1_001_confidence.value"):
        vot.evaluate_folders(truths("ants1"), {"A": tmp_path}, benchmark="VOT2018-LT")


def test_short_sequences_have_no_expected_average_overlap(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = results(tmp_path / "A", "ants1")
    with caplog.at_level(logging.WARNING):
        scores = vot.evaluate_folders(truths("ants1"), {"A": folder}, benchmark="VOT2018")[0]
    assert np.isnan(scores.value("eao"))
    assert "that of sequences of 100 to 356 frames; the longest here has 30" in caplog.text


def test_protocols_and_editions() -> None:
    assert vot.protocols_for("VOT2018") == ("pysot-vot", "vot-toolkit")
    assert vot.protocols_for("VOT2022") == ("vot-toolkit",)
    assert vot.protocols_for("OTB100") == ()
    intervals = {year: vot.edition(f"VOT{year}").interval for year in (2016, 2018, 2019, 2021)}
    assert intervals == {2016: (108, 371), 2018: (100, 356), 2019: (46, 291), 2021: (115, 755)}
    assert {vot.edition(name).experiment for name in ("VOT2018-LT", "VOT-LT2019", "votlt")} == {"longterm"}
    with pytest.raises(ValueError, match="VOT2013: no rules of that challenge are known; known are VOT2015 to VOT2019"):
        vot.edition("VOT2013")
    with pytest.raises(ValueError, match=r"'pysot_vot' for VOT. Did you mean 'pysot-vot'"):
        vot.resolve_vot("pysot_vot", vot.edition("VOT2018"))
    with pytest.raises(ValueError, match="protocol pysot-vot does not score the multistart experiment; vot-toolkit do"):
        vot.resolve_vot("pysot-vot", vot.edition("VOT2020"))
    with pytest.raises(ValueError, match="'OTB100' is no edition of VOT"):
        vot.evaluate_vot([], [], benchmark="OTB100")
