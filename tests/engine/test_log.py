"""What a run writes about itself."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from siamtrack.engine.log import RunLog
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
