"""What a run writes about itself."""

from __future__ import annotations

import json
import math
import resource
import signal
import sys
import time
import types
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from siamtrack.config import ConfigError
from siamtrack.engine.log import RunLog
from tests.engine.forked import forked
from tests.engine.toy import run


def row(step: int, **more: object) -> dict[str, object]:
    seconds = {"step": 0.1, "data": 0.01}
    return {"kind": "step", "epoch": 1, "step": step, "time": seconds, "lr": {"head": 0.1}, "skipped": 0, **more}


def write(folder: Path, start: int, *steps: int) -> None:
    log = RunLog(folder, start, active=True)
    log.begin_epoch(0, 1, start, 10)
    for step in steps:
        log.row(row(step, loss={"total": float(step)}))
    log.close()


def test_rows_hold_what_a_reader_wants(tmp_path: Path) -> None:
    run(tmp_path, "TRAIN.PHASES", "[{LR: {backbone: 0.1}}]")
    first, *_ = rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert first["lr"] == pytest.approx({"backbone": 0.005, "neck": 0.05, "head": 0.05})
    assert first["loss"]["total"] == pytest.approx(first["loss"]["first"] + first["loss"]["second"])
    assert 0 <= first["time"]["data"] < first["time"]["step"]
    assert first["samples_per_second"] == pytest.approx(8 / first["time"]["step"])
    assert first["gradient_norm"] > 0
    epochs = [line for line in rows if line["kind"] == "epoch"]
    assert [line["validation"].keys() for line in epochs] == [{"output"}] * 2
    means = [line["loss"]["total"] for line in rows if line["kind"] == "step" and line["epoch"] == 2]
    assert epochs[1]["loss"]["total"] == pytest.approx(sum(means) / len(means))


def test_a_resumed_log_takes_back_what_came_after(tmp_path: Path) -> None:
    write(tmp_path, 0, 1, 2, 3, 4)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "step", "st')  # a crash in the middle of a line
    time.sleep(1.1)  # TensorBoard orders its files by their second
    write(tmp_path, 2, 3, 4, 5)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5]
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [event.step for event in board.Scalars("loss/total")] == [1, 2, 3, 4, 5]
    assert {"lr/head", "time/data", "time/step", "skipped"} <= set(board.Tags()["scalars"])


def test_infinity_is_valid_json(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0, active=True)
    log.begin_epoch(0, 1, 0, 10)
    log.row(row(1, gradient_norm=math.inf, loss={"total": math.nan}))
    log.close()

    def refuse(word: str) -> None:
        raise AssertionError(word)

    line = json.loads((tmp_path / "metrics.jsonl").read_text(), parse_constant=refuse)
    assert line["gradient_norm"] is None
    assert line["loss"] == {"total": None}


def test_other_processes_write_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = RunLog(tmp_path, 0, active=False)
    log.begin_epoch(0, 1, 0, 10)
    log.row(row(1))
    log.say("hello")
    log.close()
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_plain_lines_where_nobody_watches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "TRAIN.EPOCHS", 1)
    out = capsys.readouterr().out
    assert "epoch 1/1  step 2/6" in out
    assert "\r" not in out


def test_a_bar_where_somebody_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run(tmp_path, "TRAIN.EPOCHS", 1)
    shown = capsys.readouterr()
    assert "epoch 1/1: 100%" in shown.err
    assert "6/6" in shown.err
    assert "step 2/6" not in shown.out


def test_rows_that_cannot_be_written_do_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = Path.open

    def full(path: Path, mode: str = "r", **options: object) -> object:
        return real(Path("/dev/full") if path.name == "metrics.jsonl" and "a" in mode else path, mode, **options)

    monkeypatch.setattr(Path, "open", full)  # /dev/full says to every write what a full disk says
    run(tmp_path)
    assert (tmp_path / "checkpoints/epoch-0002.safetensors").exists()
    assert caplog.text.count("The run's numbers cannot be written ([Errno 28]") == 1


class FakeRun:
    def __init__(self) -> None:
        self.rows: list[tuple[dict[str, float], int]] = []
        self.finished = False

    def log(self, curves: dict[str, float], step: int) -> None:
        self.rows.append((curves, step))

    def finish(self) -> None:
        self.finished = True


def test_weights_and_biases_gets_the_same_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[dict[str, object]] = []
    fake, module = FakeRun(), types.ModuleType("wandb")
    module.init = lambda **given: begun.append(given) or fake  # type: ignore[attr-defined]
    module.Image = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    run(tmp_path / "run", "TRAIN.WANDB", "trackers", "TRAIN.EPOCHS", 1)
    run(tmp_path / "run", "TRAIN.WANDB", "trackers", "TRAIN.EPOCHS", 2, resume=True)
    assert [step for _, step in fake.rows] == [2, 4, 6, 6, 8, 10, 12, 12]
    assert {"loss/total", "lr/head", "gradient/head", "time/step"} <= set(fake.rows[0][0])
    assert "epoch/loss/total" in fake.rows[3][0]
    assert fake.finished
    first, second = begun
    assert (first["project"], first["name"], first["resume"]) == ("trackers", "run", "allow")
    assert first["id"] == second["id"], "a resumed run goes on with its curves"
    assert first["config"]["TRAIN"]["BATCH"] == 8


def test_weights_and_biases_that_is_not_installed_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"WANDB names a project, but the package wandb is not installed"):
        run(tmp_path / "run", "TRAIN.WANDB", "trackers")


def test_the_rules_are_told_at_the_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summed = ("TRAIN.GRADIENT_REDUCTION", "sum", "TRAIN.REPLICA_BATCH", 2, "TRAIN.DEVICE_BATCH", 4)
    phases = "[{FROM: 0, LEARN: [neck, head]}, {FROM: 1, LR: {backbone: 0.1}}]"
    run(tmp_path, *summed, "TRAIN.PHASES", phases)
    out = capsys.readouterr().out
    assert "batch 8 = 1 process x 2 passes x 4 samples; the gradient is summed as over 4 devices of 2 samples" in out
    assert "learning rate 0.05 (sgd) x the group's factor x schedule log: x 1 in the first epoch" in out
    assert "phase 1 from epoch 1: learning neck x 1 (0.00 M), head x 1 (0.00 M)" in out
    assert "phase 2 from epoch 2: learning backbone x 0.1 (0.00 M), neck x 1 (0.00 M), head x 1 (0.00 M)" in out


def test_norms_of_groups_make_up_the_whole(tmp_path: Path) -> None:
    run(tmp_path, "TRAIN.LOG_EVERY", 1)
    first = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    parts = first["gradient"]
    assert parts.keys() == {"backbone", "neck", "head"}
    assert sum(norm**2 for norm in parts.values()) ** 0.5 == pytest.approx(first["gradient_norm"], rel=1e-5)
    assert first["memory"]["host"] > 0.01


def test_a_row_is_written_whole_or_not_at_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fill_up() -> None:
        log = RunLog(tmp_path, 0, active=True, sinks=())
        log.begin_epoch(0, 1, 0, 10)
        log.row(row(1))
        size = (tmp_path / "metrics.jsonl").stat().st_size
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, resource.RLIM_INFINITY))
        log.row(row(2))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        log.row(row(3))

    assert forked(fill_up) == 0
    assert [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [1, 3]
