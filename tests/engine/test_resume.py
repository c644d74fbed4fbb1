"""A run that is killed and goes on ends as one that was not: weights, optimiser and log, bit for bit."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.engine.checkpoint import CheckpointError, Checkpoints
from siamtrack.engine.occupation import occupy
from siamtrack.models.weights import read_weights
from tests.engine.forked import forked
from tests.engine.toy import ToyTask, die_at, run

MIDWAY = (
    "TRAIN.SAVE_STEPS",
    2,
    "TRAIN.PHASES",
    "[{FROM: 0, LEARN: [neck, head], EVAL: [backbone]}, {FROM: 1, LR: {backbone: 0.1}}]",
)
TIMES = ("time", "samples_per_second", "memory")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of two epochs of six steps, with a change of phase between them."""
    output = tmp_path_factory.mktemp("whole") / "run"
    run(output, *MIDWAY)
    return output


def assert_same(a: Any, b: Any) -> None:
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            if key not in ("data_time", "step_time"):
                assert_same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert a == b


def assert_same_end(output: Path, whole: Path, epochs: int = 2) -> None:
    ends = [Checkpoints(folder / "checkpoints").newest() for folder in (output, whole)]
    assert [end.weights.name for end in ends] == [f"epoch-{epochs:04d}.safetensors"] * 2
    assert_same(read_weights(ends[0].weights).state, read_weights(ends[1].weights).state)
    assert_same(ends[0].state, ends[1].state)
    assert rows(output) == rows(whole)


def rows(output: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def killed(output: Path, moment: str, more: Sequence[Any] = MIDWAY) -> int:
    def life() -> None:
        die_at(moment)
        run(output, *more, resume=True)

    return forked(life)


@pytest.mark.slow
def test_a_fresh_interpreter_goes_on_where_a_killed_one_was(whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    command = [sys.executable, "-m", "tests.engine.toy", str(output), *map(str, MIDWAY)]
    root = Path(__file__).resolve().parents[2]
    # replaced are config.yaml, then two files for each checkpoint: the 7th is the state that ends the first epoch
    dead = subprocess.run(command, cwd=root, env={**os.environ, "TOY_DIE_AT": "os.replace:7"}, capture_output=True)
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    subprocess.run([*command, "--resume"], cwd=root, check=True, capture_output=True)
    assert_same_end(output, whole)


# config.yaml is replaced first, then weights and state of one checkpoint after another
@pytest.mark.parametrize("replaced", ["2", "3", "4:after", "7", "12:after"])
def test_killed_while_saving(whole: Path, tmp_path: Path, replaced: str) -> None:
    output = tmp_path / "run"
    assert killed(output, f"os.replace:{replaced}") == -signal.SIGKILL
    run(output, *MIDWAY, resume=True)
    assert_same_end(output, whole)
    assert not list(output.rglob("*.tmp"))


@pytest.mark.slow
def test_killed_again_and_again_at_random(whole: Path, tmp_path: Path) -> None:
    output, dice, deaths = tmp_path / "run", random.Random(7), 0
    for _ in range(60):
        status = forked(lambda: run(output, *MIDWAY, resume=True), kill_after=dice.uniform(0.05, 0.4))
        deaths += status == -signal.SIGKILL
        if status == 0:
            break
    run(output, *MIDWAY, resume=True)
    assert deaths >= 3
    assert_same_end(output, whole)


def test_a_step_stands_once_in_the_log(whole: Path) -> None:
    assert [(row["kind"], row["step"]) for row in rows(whole)] == [
        *(("step", n) for n in (2, 4, 6)), ("epoch", 6), *(("step", n) for n in (8, 10, 12)), ("epoch", 12),
    ]  # fmt: skip


def test_more_epochs_continue_a_complete_run(tmp_path: Path) -> None:
    constant = ("TRAIN.SCHEDULE.NAME", "constant")
    run(tmp_path / "a", *constant, "TRAIN.EPOCHS", 1)
    run(tmp_path / "a", *constant, "TRAIN.EPOCHS", 2, resume=True)
    run(tmp_path / "b", *constant, "TRAIN.EPOCHS", 2)
    assert_same_end(tmp_path / "a", tmp_path / "b")


def test_resuming_takes_data_from_where_it_stopped(tmp_path: Path) -> None:
    assert killed(tmp_path / "run", "os.replace:4") == -signal.SIGKILL  # after step 4, between weights and state
    seen = run(tmp_path / "run", *MIDWAY, resume=True).seen
    assert seen[0] == (0, 2 * 8)  # the checkpoint of step 2 is the newest complete one
    assert seen[-1] == (1, 6 * 8 - 1)


def test_a_complete_run_is_left_alone(whole: Path) -> None:
    before = {path: path.read_bytes() for path in (whole / "checkpoints").iterdir()}
    assert run(whole, *MIDWAY, resume=True).seen == []
    assert before == {path: path.read_bytes() for path in (whole / "checkpoints").iterdir()}


def test_an_occupied_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(CheckpointError, match=r"not empty.*--resume"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_nothing_to_resume_starts_afresh_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path / "run", "TRAIN.EPOCHS", 1, resume=True)
    assert "no complete checkpoint" in caplog.text
    assert (tmp_path / "run/checkpoints/epoch-0001.safetensors").exists()


def test_another_configuration_is_refused(whole: Path) -> None:
    with pytest.raises(CheckpointError, match=r"TRAIN.CLIP was 10.0, is 3.0; TRAIN.OPTIMIZER.LR was 0.05, is 0.1"):
        run(whole, *MIDWAY, "TRAIN.CLIP", 3.0, "TRAIN.OPTIMIZER.LR", 0.1, "TRAIN.LOG_EVERY", 7, resume=True)


@pytest.mark.parametrize("name", ["epoch-0002.safetensors", "epoch-0002.state.pt"])
@pytest.mark.parametrize("spoil", ["cut", "flip", "remove"])
def test_a_damaged_checkpoint_is_passed_over(
    whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, spoil: str
) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    path = output / "checkpoints" / name
    content = path.read_bytes()
    if name.endswith(".pt"):  # a number of the optimiser's, not the padding between two of them
        end = Checkpoints(output / "checkpoints").newest()
        at = content.index(end.state["learner"]["optimizer"]["state"][0]["momentum_buffer"].numpy().tobytes())
    else:
        at = len(content) - 5
    flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    path.unlink()
    if spoil != "remove":
        path.write_bytes({"cut": content[:-7], "flip": flipped}[spoil])
    assert Checkpoints(output / "checkpoints").newest().weights.name == "epoch-0001.safetensors"
    if (spoil, name[-2:]) != ("remove", "pt"):  # without its state it is no checkpoint, and nothing to speak of
        assert name in caplog.text
    run(output, *MIDWAY, resume=True)
    assert_same_end(output, whole)


def stop_at_validation(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends with the error of its first validation."""

    def unreadable(self: ToyTask, model: Any) -> dict[str, float]:
        raise ValueError("frame 7 cannot be read")

    with monkeypatch.context() as patched:
        patched.setattr(ToyTask, "validate", unreadable)
        with pytest.raises(ValueError, match="frame 7"):
            run(output, *MIDWAY)


def test_an_epoch_that_is_ended_again_stands_once_in_the_log(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at_validation(tmp_path / "run", monkeypatch)
    # replaced are config.yaml and the log; the row of the epoch is written, its weights are not
    assert killed(tmp_path / "run", "os.replace:3") == -signal.SIGKILL
    assert rows(tmp_path / "run")[-1]["kind"] == "epoch"
    run(tmp_path / "run", *MIDWAY, resume=True)
    assert_same_end(tmp_path / "run", whole)


def test_an_epoch_outlives_a_failed_validation(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at_validation(tmp_path / "run", monkeypatch)
    seen = run(tmp_path / "run", *MIDWAY, resume=True).seen
    assert min(seen) == (1, 0)
    assert_same_end(tmp_path / "run", whole)


def test_only_one_run_at_a_time_in_a_folder(tmp_path: Path) -> None:
    output = tmp_path / "run"

    def second() -> None:
        with pytest.raises(CheckpointError, match="another process is training in this folder"):
            run(output, resume=True)

    output.mkdir()
    with occupy(output):
        assert forked(second) == 0
    run(output, "TRAIN.EPOCHS", 1, resume=True)


def test_how_often_is_told_may_change(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    rarely = ("TRAIN.EPOCHS", 3, "TRAIN.PICTURE_EVERY", 0, "TRAIN.LOG_EVERY", 0, "TRAIN.SAVE_EVERY", 0)
    run(tmp_path / "run", *MIDWAY, *rarely, resume=True)
    assert rows(tmp_path / "run")[-1]["step"] == 18


def test_errors_of_configuration_leave_no_trace(tmp_path: Path) -> None:
    for wrong in (("TRAIN.PRECISION", "fp8"), ("TRAIN.EPOCHS", 0)):
        with pytest.raises(ConfigError):
            run(tmp_path / "run", *wrong)
    assert not (tmp_path / "run").exists()
