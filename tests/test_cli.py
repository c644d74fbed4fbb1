"""The commands from end to end on a tiny world, and a sentence for everything that a user can get wrong."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import siamtrack
from siamtrack.cli import main
from siamtrack.data.synthetic import sequence_name, write_dataset
from tests.tiny import TINY

ROOT = Path(__file__).resolve().parent.parent
TEST = [sequence_name("test", number) for number in range(2)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("world"), 3, train=4, test=2, train_frames=4, test_frames=5)


@pytest.fixture(scope="module")
def cfg(tmp_path_factory):
    path = tmp_path_factory.mktemp("configs") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture(scope="module")
def run(world, cfg, tmp_path_factory):
    """A finished training run's folder."""
    output = tmp_path_factory.mktemp("runs") / "tiny"
    assert main(["train", "--cfg", str(cfg), "--data-root", str(world), "--output", str(output)]) == 0
    return output


@pytest.fixture(scope="module")
def checkpoint(run):
    return sorted((run / "checkpoints").glob("*.safetensors"))[-1]


@pytest.fixture(scope="module")
def results(checkpoint, world, tmp_path_factory):
    output = tmp_path_factory.mktemp("results")
    assert main(run_test(checkpoint, world, output, "--name", "tiny")) == 0
    return output


def run_test(checkpoint, world, output, *more):
    root = [
        "--dataset",
        "got10k",
        "--split",
        "test",
        "--data-root",
        str(world),
        "--output",
        str(output),
        "--device",
        "cpu",
    ]
    return ["test", "--checkpoint", str(checkpoint), *root, *more]


def test_training_leaves_its_configuration_and_metrics(run):
    resolved = yaml.safe_load((run / "config.yaml").read_text())
    assert resolved["TRAIN"]["EPOCHS"] == 2
    assert resolved["TRAIN"]["CLIP"] == 10.0
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines
    assert any("iou" in json.dumps(line) for line in lines)
    assert list((run / "tensorboard").glob("events*"))


def test_a_checkpoint_is_all_a_tracker_needs(checkpoint, world, tmp_path):
    alone = shutil.copy(checkpoint, tmp_path / "moved.safetensors")
    tracker = siamtrack.load_tracker(alone, device="cpu")
    sequence = siamtrack.open_dataset("got10k", world, split="test")[TEST[0]]
    tracker.init(sequence.frames[0], sequence.init_box)
    result = tracker.update(sequence.frames[1])
    assert len(result.box) == 4
    assert 0 <= result.score <= 1


def test_testing_and_evaluating(results, world, tmp_path, capsys):
    folder = results / "got10k" / "tiny"
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        [f"{name}{end}" for name in TEST for end in (".txt", "_time.txt")] + ["meta.json"]
    )
    assert all(
        len(row.split(",")[0].split(".")[1]) >= 4 for row in (folder / f"{TEST[0]}.txt").read_text().splitlines()
    )
    where = ["--results", str(results), "--dataset", "got10k", "--split", "test", "--data-root", str(world)]
    written = {kind: tmp_path / name for kind, name in (("json", "s.json"), ("markdown", "t.md"), ("latex", "t.tex"))}
    options = [word for kind, path in written.items() for word in (f"--{kind}", str(path))]
    assert main(["eval", *where, "--protocol", "pysot", *options, "--plots", str(tmp_path / "plots")]) == 0
    rows = json.loads(written["json"].read_text())
    assert {row["metric"] for row in rows} >= {"success", "precision@20", "norm_precision@0.2", "fps"}
    assert {(row["tracker"], row["benchmark"], row["protocol"]) for row in rows} == {("tiny", "got10k", "pysot")}
    assert "tiny" in capsys.readouterr().out
    assert "| tiny |" in written["markdown"].read_text()
    assert r"\begin{tabular}" in written["latex"].read_text()
    assert {p.suffix for p in (tmp_path / "plots").iterdir()} == {".png", ".pdf"}


def test_baselines_need_no_checkpoint(world, tmp_path, capsys):
    where = ["--dataset", "got10k", "--split", "test", "--data-root", str(world), "--output", str(tmp_path)]
    assert main(["test", "--baseline", "static", *where]) == 0
    rows = (tmp_path / "got10k" / "static" / f"{TEST[0]}.txt").read_text().splitlines()
    assert len(set(rows)) == 1
    assert "has no tracker 'KFC'" in refused(["test", "--baseline", "KFC", *where], capsys)


def test_got10ks_own_experiment_runs_our_tracker(checkpoint, world, tmp_path):
    from got10k.experiments import ExperimentGOT10k

    from siamtrack.tracking.got10k import Got10kAdapter

    adapter = Got10kAdapter(siamtrack.load_tracker(checkpoint, device="cpu"), "tiny")
    experiment = ExperimentGOT10k(
        world, subset="test", result_dir=str(tmp_path / "results"), report_dir=str(tmp_path / "reports")
    )
    experiment.run(adapter)
    written = sorted(p.name for p in (tmp_path / "results").rglob("*_001.txt"))
    assert written == [f"{name}_001.txt" for name in TEST]


def test_data_check(world, capsys):
    assert main(["data", "check", "got10k", str(world)]) in (0, 1)
    out = capsys.readouterr().out
    assert "list.txt" in out


def test_evaluating_needs_no_torch(results, world):
    program = (
        "import sys; from siamtrack.cli import main; "
        f"code = main(['eval', '--results', {str(results)!r}, '--dataset', 'got10k', '--split', 'test', "
        f"'--data-root', {str(world)!r}]); assert 'torch' not in sys.modules; sys.exit(code)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("script", ["train", "test", "demo", "eval", "convert"])
def test_scripts_are_doors_onto_the_commands(script):
    done = subprocess.run(
        [sys.executable, f"tools/{script}.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert f"usage: siamtrack {script}" in done.stdout


# What a user can get wrong ------------------------------------------------------------------------------------------


def refused(arguments, capsys, code=2) -> str:
    assert main([str(a) for a in arguments]) == code
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message


def test_missing_root(cfg, tmp_path, capsys):
    message = refused(["train", "--cfg", cfg, "--data-root", tmp_path / "nowhere", "--output", tmp_path / "o"], capsys)
    assert "there is no such folder" in message
    assert "expected is" in message


def test_wrong_key(cfg, world, tmp_path, capsys):
    message = refused(["train", "--cfg", cfg, "--data-root", world, "TRAIN.EPOCS", "3"], capsys)
    assert "command line, key TRAIN.EPOCS: there is no such option. Did you mean EPOCHS?" in message
    cfg_with_typo = tmp_path / "typo.yaml"
    cfg_with_typo.write_text("MODEL: {HEAD: {NAME: ban, WIEGHTED: true}}\n")
    message = refused(["train", "--cfg", cfg_with_typo, "--data-root", world, "--output", tmp_path / "o"], capsys)
    assert "typo.yaml, key MODEL.HEAD.WIEGHTED: head 'ban' has no such option. Did you mean 'WEIGHTED'?" in message


def test_a_run_is_not_overwritten(run, world, cfg, capsys):
    message = refused(["train", "--cfg", cfg, "--data-root", world, "--output", run], capsys)
    assert "--resume" in message


def test_corrupt_image(world, checkpoint, tmp_path, capsys):
    broken = shutil.copytree(world, tmp_path / "broken")
    frame = broken / "test" / TEST[0] / "00000003.jpg"
    frame.write_bytes(frame.read_bytes()[:500])
    message = refused(run_test(checkpoint, broken, tmp_path / "r"), capsys, code=1)
    assert f"{TEST[0]}: {frame}: the image is cut short" in message
    assert (next((tmp_path / "r").rglob(f"{TEST[1]}.txt"))).is_file()


def test_truncated_checkpoint(checkpoint, world, tmp_path, capsys):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(checkpoint.read_bytes()[:2000])
    assert "cut.safetensors: cannot be read as safetensors" in refused(run_test(cut, world, tmp_path / "r"), capsys)


@pytest.mark.parametrize(
    ("box", "sentence"), [("10,10,0,20", "has no area"), ("5000,10,20,20", "lies outside the frame of 320 x 240")]
)
def test_bad_start_box(checkpoint, world, tmp_path, capsys, box, sentence):
    broken = shutil.copytree(world, tmp_path / "broken")
    truth = broken / "test" / TEST[0] / "groundtruth.txt"
    truth.write_text("\n".join([box, *truth.read_text().splitlines()[1:]]) + "\n")
    assert sentence in refused(run_test(checkpoint, broken, tmp_path / "r"), capsys, code=1)


def test_empty_video(checkpoint, tmp_path, capsys):
    video = tmp_path / "empty.mp4"
    video.write_bytes(b"")
    where = ["--dataset", "video", "--data-root", str(video), "--output", str(tmp_path / "r")]
    message = refused(["test", "--checkpoint", checkpoint, *where], capsys)
    assert "empty.mp4" in message


class Trap:
    """Unpickled, it would write a file."""

    def __reduce__(self):
        return os.system, ("echo harm > harm.txt",)


def test_malicious_pickle(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    trap = tmp_path / "official.pth"
    trap.write_bytes(pickle.dumps({"state_dict": Trap()}))
    message = refused(["convert", trap, "--cfg", ROOT / "configs/siamban/r50.yaml", "-o", "ours.safetensors"], capsys)
    assert "official.pth: refused: it asks to load" in message
    assert not (tmp_path / "harm.txt").exists()


def test_unknown_words_are_named(cfg):
    with pytest.raises(SystemExit):
        main(["train", "--cfg", str(cfg), "--resmue"])
