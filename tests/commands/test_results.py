"""From checkpoints to results: several benchmarks, ranges of epochs, tuned settings, archives and workspaces."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from siamtrack.cli import main
from siamtrack.data.synthetic import write_dataset
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Three sequences as GOT-10k has them, under val and test."""
    root = write_dataset(tmp_path_factory.mktemp("data") / "GOT-10k", 8, train=0, test=3, test_frames=4, progress=False)
    (root / "val").symlink_to(root / "test")
    return root.parent


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run's folder with the weights of two epochs."""
    folder = tmp_path_factory.mktemp("run")
    for epoch in (1, 2):
        (folder / "checkpoints").mkdir(exist_ok=True)
        tiny_checkpoint(folder / "checkpoints" / f"epoch-000{epoch}.safetensors", seed=epoch)
    return folder


def call(*words) -> int:
    return main([str(word) for word in words])


def test_several_benchmarks_at_once(world, tmp_path, capsys):
    where = ["--data-root", world, "--output", tmp_path]
    assert call("test", "--baseline", "static", "--dataset", "got10k:val,GOT-10k:test", *where) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"3 of 3 sequences in {tmp_path}/got10k/static",
        f"3 of 3 sequences in {tmp_path}/GOT-10k/static",
    ]


def test_a_sequence_that_cannot_be_opened_does_not_stop_the_rest(tmp_path, capsys):
    root = write_dataset(tmp_path / "GOT-10k", 9, train=0, test=2, test_frames=4, progress=False)
    torn = next((root / "test").glob("*_000001")) / "groundtruth.txt"
    torn.write_text("1,2,3,4\nhello\n")
    words = ["--dataset", "got10k:test", "--data-root", tmp_path, "--output", tmp_path / "out"]
    assert call("test", "--baseline", "static", *words) == 1
    said = capsys.readouterr()
    assert str(torn) in said.err
    assert said.out.startswith("1 of 2 sequences in ")
    failures = json.loads((tmp_path / "out/got10k/static/meta.json").read_text())["failures"]
    assert list(failures) == ["Synthetic_Test_000001"]


def test_a_range_is_chosen_on_a_validation_set(world, trained, tmp_path, capsys):
    words = ["test", "--run", trained, "--checkpoints", "1-2", "--data-root", world, "--output", tmp_path]
    on = ["--dataset", "GOT-10k:test", "--name", "tiny", "--device", "cpu"]
    assert call(*words, *on, "--select-on", "GOT-10k:test") == 2
    assert "GOT-10k:test is a test benchmark" in capsys.readouterr().err

    assert call(*words, *on, "--select-on", "got10k:val") == 0
    table = (tmp_path / "checkpoints.md").read_text()
    assert table.startswith("Checkpoints 1-2, chosen on got10k:val\n")
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| tiny")]
    assert len(rows) == 2
    chosen = [row[0].strip() for row in rows if row[1].strip() == "chosen"]
    assert len(chosen) == 1
    assert sorted(path.name for path in (tmp_path / "got10k").iterdir()) == ["tiny-epoch-0001", "tiny-epoch-0002"]
    assert [path.name for path in (tmp_path / "GOT-10k").iterdir()] == chosen  # only the chosen one saw the test set
    assert "Note:" not in table

    again = [*words[:-1], tmp_path / "peeked", *on]
    assert call(*again, "--select-on", "GOT-10k:test", "--on-test-set") == 0
    note = "the checkpoint chosen on GOT-10k:test, a test benchmark"
    assert note in (tmp_path / "peeked/checkpoints.md").read_text()
    assert note in " ".join(capsys.readouterr().out.split())
    notes = {
        path.parent.name: json.loads(path.read_text()).get("notes", [])
        for path in (tmp_path / "peeked/GOT-10k").glob("*/meta.json")
    }
    assert sorted(notes.values()) == [[], [note]]  # of the chosen one alone


def test_a_range_without_a_validation_set_is_tested_whole(world, trained, tmp_path):
    words = ["test", "--run", trained, "--checkpoints", "1-2", "--dataset", "got10k:val", "--data-root", world]
    assert call(*words, "--output", tmp_path, "--device", "cpu") == 0
    assert "chosen" not in (tmp_path / "checkpoints.md").read_text()


def test_a_range_on_a_challenge_is_scored_by_it(world, trained, tmp_path):
    call("export", "vot-workspace", "--baseline", "static", "--dataset", "got10k:val", "--data-root", world,
         "--experiments", "supervised", "-o", tmp_path / "VOT2019")  # fmt: skip
    words = ["test", "--run", trained, "--checkpoints", "1-2", "--dataset", "VOT2019", "--data-root", tmp_path]
    assert call(*words, "--output", tmp_path / "results", "--device", "cpu") == 0
    heading, *_ = [line for line in (tmp_path / "results/checkpoints.md").read_text().splitlines() if "EAO" in line]
    assert heading == "| Checkpoint | VOT2019 EAO |"
    assert len(list((tmp_path / "results/VOT2019").rglob("baseline/*/*_001.txt"))) == 2 * 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--run", "RUN", "--checkpoints", "2-9"], "7 of 8 are not there, the first is epoch-0003.safetensors"),
        (["--run", "RUN", "--checkpoints", "9-2"], "should be FIRST-LAST"),
        (["--run", "RUN", "--select-on", "got10k:val"], "give --checkpoints 11-20 as well"),
        (["--run", "RUN", "--checkpoints", "1-2", "--select-on", "got10k:val,GOT-10k:val"], "on one validation set"),
        (["--baseline", "static", "--checkpoints", "1-2"], "name the run by --cfg or --run"),
        (["--baseline", "static", "--repeat", "0"], "--repeat 0: should be 1 or more"),
        (["--baseline", "static", "--processes", "-1"], "--processes -1"),
        (["--baseline", "static", "--dataset", "got10k,otb", "--sequences", "a"], "but --dataset has 2"),
        (["--baseline", "static", "--dataset", "got10k:val,got10k:test"], "got10k stands in it twice"),
    ],
)
def test_what_cannot_be_tested_is_a_sentence(world, trained, tmp_path, capsys, words, said):
    given = [trained if word == "RUN" else word for word in words]
    assert call("test", "--dataset", "got10k:val", "--data-root", world, "--output", tmp_path, *given) == 2
    assert said in capsys.readouterr().err


def test_tuned_settings_reach_the_results_and_their_tables(world, trained, tmp_path, capsys):
    checkpoint = trained / "checkpoints" / "epoch-0001.safetensors"
    search = [
        "tune",
        "--checkpoint",
        checkpoint,
        "--data-root",
        world,
        "--device",
        "cpu",
        "--output",
        tmp_path / "study",
    ]
    on = ["--dataset", "GOT-10k:test", "--range", "TRACK.MIN_SIZE=20.0:60.0"]
    assert call(*search, *on, "--trials", "2") == 2
    assert "is a test benchmark" in capsys.readouterr().err
    assert call(*search, *on, "--trials", "2", "--on-test-set") == 0
    note = "TRACK settings chosen on GOT-10k:test, a test benchmark"
    assert note in capsys.readouterr().out
    first = (tmp_path / "study/trials.jsonl").read_text()
    assert call(*search, *on, "--trials", "3", "--on-test-set") == 0
    assert (tmp_path / "study/trials.jsonl").read_text().startswith(first)
    assert call(*search, *on, "--range", "TRACK.LR=0.1:0.2", "--on-test-set") == 2
    assert "holds another search (ranges differ" in capsys.readouterr().err

    where = ["--data-root", world, "--dataset", "GOT-10k:test"]
    tested = ["test", "--checkpoint", checkpoint, "--name", "tuned", "--tuned", tmp_path / "study", "--device", "cpu"]
    assert call(*tested, *where, "--output", tmp_path / "results") == 0
    meta = json.loads((tmp_path / "results/GOT-10k/tuned/meta.json").read_text())
    best = max(map(json.loads, (tmp_path / "study/trials.jsonl").read_text().splitlines()), key=lambda t: t["score"])
    assert meta["given"]["overrides"] == ["TRACK.MIN_SIZE", str(best["values"]["TRACK.MIN_SIZE"])]
    assert meta["notes"] == [note]
    capsys.readouterr()
    scored = [
        "eval",
        "--results",
        tmp_path / "results",
        "--data-root",
        world,
        "--dataset",
        "GOT-10k",
        "--split",
        "test",
    ]
    assert call(*scored, "--markdown", tmp_path / "t.md", "--latex", tmp_path / "t.tex") == 0
    assert f"Note: tuned: {note}." in (tmp_path / "t.md").read_text()
    assert f"Note: tuned: {note}." in (tmp_path / "t.tex").read_text()
    assert note in " ".join(capsys.readouterr().out.split())


def test_results_are_packed_or_refused(world, tmp_path, capsys):
    root = ["--data-root", world]
    assert call("test", "--baseline", "static", "--dataset", "got10k:test", *root, "--output", tmp_path) == 0
    folder = tmp_path / "got10k/static"
    assert call("pack", "got10k", folder, "-o", tmp_path / "out.zip", *root) == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert len(archive.namelist()) == 6
    next(folder.glob("*_000002.txt")).write_text("1,2,3,4\n")
    assert call("pack", "got10k", folder, "-o", tmp_path / "again.zip", *root) == 2
    assert "1 rows for 4 frames" in capsys.readouterr().err
    assert not (tmp_path / "again.zip").exists()
    assert call("pack", "vot", folder, "-o", tmp_path / "again.zip", *root) == 2
    assert "name the edition by --dataset" in capsys.readouterr().err


def test_a_workspace_holds_its_own_copy_of_the_weights(world, trained, tmp_path):
    words = ["export", "vot-workspace", "--run", trained, "--dataset", "got10k:val", "--data-root", world]
    assert call(*words, "-o", tmp_path / "w") == 2  # which experiment? and the run has no complete checkpoint
    checkpoint = trained / "checkpoints" / "epoch-0002.safetensors"
    words[2:4] = ["--checkpoint", checkpoint]
    given = ["--experiments", "supervised", "--interval", "2:4", "--name", "mine", "TRACK.LR", "0.2"]
    assert call(*words, "-o", tmp_path / "w", *given) == 0
    copy = tmp_path / "w/trackers/mine.safetensors"
    assert copy.read_bytes() == checkpoint.read_bytes()
    command = (tmp_path / "w/trackers.ini").read_text()
    assert f"--checkpoint {copy}" in command
    assert command.count("TRACK.LR 0.2") == 1
    assert Path(tmp_path / "w/sequences/list.txt").read_text().count("\n") == 3
