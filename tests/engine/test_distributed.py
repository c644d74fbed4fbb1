"""Several processes compute what one computes, agree on skipped steps, and fall together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.engine.distributed import session
from siamtrack.engine.task import Shard
from siamtrack.models.weights import read_weights
from tests.engine.forked import together
from tests.engine.toy import fail_on, run

# batch norm sees a process's own samples, and random numbers are each process's own: both must be off to compare
ALIKE = ("TASK.DROPOUT", 0.0, "TASK.NOISE", 0.0, "TRAIN.SCHEDULE.NAME", "constant")
STILL = (
    *ALIKE,
    "TRAIN.PHASES",
    "[{FROM: 0, LEARN: [neck, head], EVAL: ['*']}, {FROM: 1, EVAL: ['*'], LR: {backbone: 0.1}}]",
)
ROOT = Path(__file__).resolve().parents[2]


def losses(output: Path) -> list[float]:
    rows = map(json.loads, (output / "metrics.jsonl").read_text().splitlines())
    return [row["loss"]["total"] for row in rows if row["kind"] == "step"]


def weights(output: Path, name: str = "epoch-0002") -> dict[str, torch.Tensor]:
    return read_weights(output / f"checkpoints/{name}.safetensors").state


def assert_close(a: Path, b: Path, tolerance: float) -> None:
    """Largest difference of losses and weights, relative to the largest weight of each tensor."""
    assert losses(a) == pytest.approx(losses(b), rel=tolerance)
    for name, tensor in weights(a).items():
        torch.testing.assert_close(tensor, weights(b)[name], rtol=0, atol=tolerance * float(tensor.abs().max()))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("alone") / "run"
    run(output, *STILL)
    return output


def test_two_processes_equal_one(alone: Path, tmp_path: Path) -> None:
    assert together(lambda: run(tmp_path / "two", *STILL)) == [0, 0]
    assert_close(alone, tmp_path / "two", 1e-5)


def test_torchrun_equals_one_process(alone: Path, tmp_path: Path) -> None:
    done = torchrun(tmp_path / "two", *STILL)
    assert done.returncode == 0, done.stderr
    assert_close(alone, tmp_path / "two", 1e-5)


def test_no_thread_of_the_group_outlives_the_run(tmp_path: Path) -> None:
    """One that does may abort the interpreter while it shuts down."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("threads are listed by name on Linux only")

    def train_and_look() -> None:
        run(tmp_path / "two", *STILL)
        names = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
        assert not [name for name in names if "gloo" in name]

    assert together(train_and_look) == [0, 0]


@pytest.mark.parametrize("device_batch", [4, 1])
def test_accumulation_equals_a_large_batch(alone: Path, tmp_path: Path, device_batch: int) -> None:
    run(tmp_path / "run", *STILL, "TRAIN.DEVICE_BATCH", device_batch)
    assert_close(alone, tmp_path / "run", 1e-5)


def test_two_processes_that_accumulate_equal_one(alone: Path, tmp_path: Path) -> None:
    assert together(lambda: run(tmp_path / "two", *STILL, "TRAIN.DEVICE_BATCH", 2)) == [0, 0]
    assert_close(alone, tmp_path / "two", 1e-5)


def test_adamw_too(tmp_path: Path) -> None:
    adamw = (*STILL, "TRAIN.OPTIMIZER.NAME", "adamw", "TRAIN.OPTIMIZER.LR", 0.01)
    run(tmp_path / "one", *adamw)
    assert together(lambda: run(tmp_path / "two", *adamw)) == [0, 0]
    assert_close(tmp_path / "one", tmp_path / "two", 1e-4)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (4, 2), (1, 4)])
def test_a_run_goes_on_with_another_number_of_processes(alone: Path, tmp_path: Path, before: int, after: int) -> None:
    midway = (*STILL, "TRAIN.SAVE_STEPS", 2)

    def first() -> None:
        fail_on("all", step=5)
        run(tmp_path / "run", *midway)

    def second() -> None:
        seen = run(tmp_path / "run", *midway, resume=True).seen
        assert min(seen) >= (0, 4 * 8)

    assert together(first, before) == [1] * before
    assert together(second, after) == [0] * after
    assert_close(alone, tmp_path / "run", 1e-5)


def test_what_one_process_sees_all_skip(tmp_path: Path) -> None:
    poison = (*ALIKE, "TASK.POISON", "[2, 3, 7]", "TASK.POISON_RANK", 1)
    log = tmp_path / "log"
    assert together(lambda: run(tmp_path / "two", *poison), log=str(log)) == [0, 0]
    rows = [json.loads(line) for line in (tmp_path / "two/metrics.jsonl").read_text().splitlines()]
    assert [row["skipped"] for row in rows if row["kind"] == "epoch"] == [2, 3]
    assert (
        "step 3 (epoch 1) is skipped: loss term 'second' is not finite (1 micro-batches); 1 in a row" in log.read_text()
    )


def test_ranks_stay_equal_through_phases_and_skips(tmp_path: Path) -> None:
    # statistics of batch norm drift apart in the first epoch, and are the main process's in the second
    phases = "[{FROM: 0, LEARN: [neck, head]}, {FROM: 1, EVAL: ['*'], LR: {backbone: 0.1}}]"
    poison = ("TRAIN.PHASES", phases, "TASK.POISON", "[1, 6]", "TASK.POISON_RANK", 1)

    def remember() -> None:
        task = run(tmp_path / "two", *poison)
        torch.save(task.model.state_dict(), tmp_path / f"rank{os.environ['RANK']}.pt")

    assert together(remember) == [0, 0]
    a, b = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_it_stops_after_k_and_the_guilty_process_saves_its_batch(tmp_path: Path) -> None:
    log = tmp_path / "log"
    poison = (*ALIKE, "TASK.POISON", "[1, 2, 3]", "TASK.POISON_RANK", 1, "TRAIN.STOP_AFTER", 3)
    assert together(lambda: run(tmp_path / "two", *poison), log=str(log)) == [1, 1]
    assert "3 steps in a row were skipped, the last one step 4 (epoch 1): loss term 'second'" in log.read_text()
    saved = list((tmp_path / "two").glob("bad-batch*"))
    assert [path.name for path in saved] == ["bad-batch-step-4-process-1.pt"]
    (batch,) = torch.load(saved[0], weights_only=True)
    assert batch["y"].isnan().sum() == 1


@pytest.mark.slow
def test_a_process_that_dies_ends_the_job_with_its_reason(tmp_path: Path) -> None:
    # process 1 alone runs out of batches, while process 0 waits for it
    done = torchrun(tmp_path / "two", *ALIKE, env={"TOY_FAILS_ON": "1"})
    assert done.returncode != 0
    assert "the toy breaks on process 1" in done.stderr
    assert "Root Cause" in done.stderr


@pytest.mark.slow
def test_torchrun_starts_anew_what_died_and_nothing_is_lost(alone: Path, tmp_path: Path) -> None:
    """Elastic: ``--max-restarts`` with ``--resume``."""
    # replaced are config.yaml, then weights and state every two steps: killed while step 4 is saved
    elastic = ("TRAIN.SAVE_STEPS", 2, "--resume")
    done = torchrun(tmp_path / "two", *STILL, *elastic, env={"TOY_DIE_ONCE_AT": "os.replace:5"}, restarts=1)
    assert done.returncode == 0, done.stderr
    assert "going on in epoch 1, step 2" in done.stdout
    assert_close(alone, tmp_path / "two", 1e-5)


def test_all_processes_refuse_an_occupied_folder(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/precious.txt").write_text("mine")
    log = tmp_path / "log"
    assert together(lambda: run(tmp_path / "run"), log=str(log)) == [1, 1]
    assert log.read_text().count("is not empty") >= 2


def test_shards_cover_every_sample_once() -> None:
    shards = [Shard.plan(24, 2, rank, 3) for rank in range(3)]
    assert shards[0].accumulation == 4
    taken = [i for shard in shards for samples in shard.samples(5) for i in samples]
    assert sorted(taken) == list(range(5 * 24, 6 * 24))
    assert Shard.plan(28, 0, 0, 2).device_batch == 14


@pytest.mark.parametrize(
    ("batch", "device_batch", "world", "sentence"),
    [(28, 0, 3, "multiple of 3. Nearest: 27 or 30"), (28, 5, 2, "2 processes of DEVICE_BATCH 5.*Nearest: 20 or 30")],
)
def test_a_batch_that_does_not_divide_is_refused(batch: int, device_batch: int, world: int, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Shard.plan(batch, device_batch, 0, world)


def torchrun(
    output: Path, *overrides: Any, env: dict[str, str] | None = None, restarts: int = 0
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [*command, f"--max-restarts={restarts}", "-m", "tests.engine.toy", str(output), *map(str, overrides)],
        cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("device", "local", "expected"),
    [(None, "3", "cuda:1"), ("cuda", "0", "cuda:0"), ("cuda", "3", "cuda:1"), ("cuda:0", "1", "cuda:0")],
)
def test_a_process_has_a_gpu_with_a_number(
    monkeypatch: pytest.MonkeyPatch, device: str | None, local: str, expected: str
) -> None:
    """``torch.cuda.set_device`` and DistributedDataParallel refuse a bare ``cuda``."""
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch._C, "_cuda_setDevice", chosen.append, raising=False)
    monkeypatch.setattr(torch.cuda, "_check_stray_context", lambda *_: None, raising=False)
    monkeypatch.setenv("LOCAL_RANK", local)
    with session(device) as processes:
        assert processes.device == torch.device(expected)
    assert chosen == [processes.device.index]
