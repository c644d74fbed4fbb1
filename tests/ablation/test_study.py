"""A grid on the synthetic world from end to end: killed, taken up again, finished, and not done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from siamtrack.ablation import grid, parse_axis, parse_variants
from siamtrack.ablation.job import Benchmark, Device, Job, RunFailed
from siamtrack.ablation.run import Runner
from siamtrack.ablation.study import study
from siamtrack.cli import main
from siamtrack.config import ConfigError
from siamtrack.data.readers import open_dataset
from siamtrack.data.synthetic import write_dataset
from siamtrack.evaluation import Truth

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = {
    "MODEL": {
        "BACKBONE": {"NAME": "convnet", "WIDTHS": [4, 4, 4], "STRIDES": [2, 2, 2]},
        "NECK": {"OUT": 4},
        "CORRELATION": {"HIDDEN": 4},
        "HEAD": {"HIDDEN": 4},
    },
    "CROP": {"TEMPLATE_SIZE": 63, "SEARCH_SIZE": 127, "AREA_SIZE": 255},
    "DATA": {
        "SETS": [{"NAME": "got10k", "SPLIT": "train", "FRAME_RANGE": 5}],
        "SAMPLES_PER_EPOCH": 4,
        "AUGMENT": {"SEARCH": {"SHIFT": 16.0}},
        "WORKERS": 0,
    },
    "TRAIN": {"EPOCHS": 1, "BATCH": 4, "SAVE_STEPS": 1, "OPTIMIZER": {"NAME": "sgd", "LR": 0.01}},
}
CPU = Device(None, "CPU")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("world"), 3, train=2, test=2, train_frames=3, test_frames=4)


@pytest.fixture(scope="module")
def cfg(tmp_path_factory):
    path = tmp_path_factory.mktemp("configs") / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return str(path)


@pytest.fixture(scope="module")
def benchmark(world):
    truths = [Truth(s.name, s.file_boxes) for s in open_dataset("got10k", world, split="test")]
    return Benchmark("got10k", truths, "pysot", ("--data-root", str(world), "--split", "test"))


def modified(folder: Path) -> dict[str, int]:
    """When each weights and result file was last written."""
    files = [*folder.rglob("*.safetensors"), *folder.rglob("results/**/*.txt")]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}


@pytest.mark.slow
def test_the_command_fills_the_table_and_does_nothing_twice(cfg, world, tmp_path, capsys, caplog):
    output = tmp_path / "study"
    words = ["ablate", "--cfg", cfg, "--seeds", "2", "--data-root", str(world), "--test-set", "got10k:test"]
    words += ["--protocol", "pysot", "--output", str(output), "--variant", "plain:"]
    words += ["--variant", "wide: MODEL.HEAD.HIDDEN 8", "--variant", "unfit: MODEL.NECK.TEMPLATE_CELLS 2"]
    words += ["--variant", "nodata: DATA.SETS []"]
    caplog.set_level("INFO")
    assert main(words) == 1  # two variants cannot be trained
    assert "plain" in capsys.readouterr().out
    assert "to go" in caplog.text

    written = json.loads((output / "ablation.json").read_text())
    assert written["reference"] == "plain"
    rows = {row["variant"]: row for row in written["rows"]}
    assert list(rows) == ["plain", "wide", "unfit", "nodata"]
    wide = rows["wide"]
    assert wide["runs"] == 2
    assert wide["failures"] == []
    assert wide["parameters"] > rows["plain"]["parameters"] > 0
    assert wide["frame_macs"] > wide["template_macs"] > 0
    assert wide["fps"]["mean"] > 0
    assert wide["devices"]
    success = {name: rows[name]["metrics"]["success"] for name in ("plain", "wide")}
    assert success["wide"]["deviation"] >= 0
    difference = wide["difference"]["success"]
    assert difference["mean"] == pytest.approx(success["wide"]["mean"] - success["plain"]["mean"], abs=1e-6)
    assert difference["low"] <= difference["mean"] <= difference["high"]
    assert difference["pairs"] == 2
    assert "the parts do not fit each other" in rows["unfit"]["failures"][0]
    assert [f.split(":")[0] for f in rows["nodata"]["failures"]] == ["seed 123456", "seed 123457"]
    assert "DATA.SETS" in rows["nodata"]["failures"][0]
    table = (output / "ablation.md").read_text()
    assert "| wide |" in table
    assert "percentile bootstrap interval over sequences" in table
    assert table.count("nodata failed: seed") == 2

    before = modified(output / "runs")
    assert len(before) == 4 * (1 + 2 * 2)
    assert main(words) == 1
    assert modified(output / "runs") == before
    assert json.loads((output / "ablation.json").read_text())["rows"][0] == written["rows"][0]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_killed_study_is_gone_on_with(cfg, world, benchmark, tmp_path):
    """Killed with its training under way, it takes up the training's newest checkpoint instead of starting afresh."""
    long = ["DATA.SAMPLES_PER_EPOCH", "400"]
    output = tmp_path / "study"
    words = ["ablate", "--cfg", cfg, "--data-root", str(world), "--test-set", "got10k:test", "--output", str(output)]
    process = subprocess.Popen([sys.executable, "-m", "siamtrack.cli", *words, *long], cwd=ROOT, start_new_session=True)
    checkpoints = output / "runs"
    deadline = time.monotonic() + 120
    while not list(checkpoints.rglob("*-step-*.state.pt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(checkpoints.rglob("epoch-0001.safetensors")), "it was finished before it could be killed"

    done = study(grid(cfg, [], long), 1, benchmark, output, [CPU], ["--data-root", str(world)])
    assert done.complete, done.rows[0].failures
    (log,) = checkpoints.rglob("log.txt")
    assert "going on in epoch 1, step" in log.read_text()


def test_a_run_of_another_content_is_not_mixed_in(cfg, benchmark, tmp_path):
    (variant,) = grid(cfg, [])
    first = Job(variant, 1, tmp_path / "run", benchmark)
    first._claimed()
    other = Job(grid(cfg, [], ["TRAIN.EPOCHS", "7"])[0], 1, tmp_path / "run", benchmark)
    with pytest.raises(RunFailed, match=r"TRAIN\.EPOCHS was 1, is 7.*another --output"):
        other._claimed()
    harmless = Job(grid(cfg, [], ["DATA.WORKERS", "3"])[0], 1, tmp_path / "run", benchmark)
    assert harmless._claimed()["config"]["TRAIN"]["EPOCHS"] == 1
    fewer = Benchmark(benchmark.name, benchmark.truths[:1])
    with pytest.raises(RunFailed, match="tested on other sequences"):
        Job(variant, 1, tmp_path / "run", fewer)._claimed()


@pytest.mark.skipif(os.name != "posix", reason="no such locks")
def test_a_run_in_other_hands_is_left_alone(cfg, benchmark, tmp_path):
    import fcntl

    (variant,) = grid(cfg, [])
    job = Job(variant, 1, tmp_path, benchmark)
    with (tmp_path / "log.txt").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        (outcome,) = Runner([CPU]).run([job])
    assert "being worked on by another process" in outcome.reason


def test_every_device_works_and_outcomes_keep_their_order(cfg, benchmark, tmp_path, monkeypatch):
    used = []

    def fake(self, device, started):
        used.append(device.name)
        time.sleep(0.05)
        if self.seed == 3:
            raise KeyError("unforeseen")

    monkeypatch.setattr(Job, "do", fake)
    monkeypatch.setattr("siamtrack.ablation.run._result", lambda outcome: outcome.reason)
    (variant,) = grid(cfg, [])
    jobs = [Job(variant, seed, tmp_path / str(seed), benchmark) for seed in range(6)]
    outcomes = Runner([Device("0", "first"), Device("1", "second")]).run(jobs)
    assert [outcome.job.seed for outcome in outcomes] == list(range(6))
    assert [outcome.reason for outcome in outcomes] == ["", "", "", "'unforeseen'", "", ""]
    assert set(used) == {"first", "second"}


def test_a_process_sees_its_device_alone():
    assert Device("3", "GPU").environment()["CUDA_VISIBLE_DEVICES"] == "3"
    assert CPU.environment()["CUDA_VISIBLE_DEVICES"] == ""


def test_a_misspelt_axis_is_a_sentence_before_anything_runs(cfg, benchmark, tmp_path):
    with pytest.raises(ConfigError, match=r"TRAIN\.BATHC"):
        study(grid(cfg, [parse_axis("TRAIN.BATHC=1,2")]), 1, benchmark, tmp_path, [CPU])
    with pytest.raises(ConfigError, match="--seeds"):
        study(grid(cfg, [parse_variants(["a:"])]), 0, benchmark, tmp_path, [CPU])
    assert not list(tmp_path.iterdir())


def test_unscored_protocols_are_refused_first(cfg, benchmark, tmp_path):
    with pytest.raises(ValueError, match="pysto"):
        study(grid(cfg, []), 1, Benchmark("got10k", benchmark.truths, "pysto"), tmp_path, [CPU])
    assert np.all([len(t.boxes) == 4 for t in benchmark.truths])
