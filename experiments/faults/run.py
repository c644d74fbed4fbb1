"""What a training run loses when it is killed, stopped, robbed of its disk or of a process: a table, by doing it.

    python experiments/faults/run.py --output experiments/records/faults

A small SiamBAN trains on a synthetic world (2 epochs of 12 steps, a checkpoint every 3). Each life of a run is a forked
process that meets one fault; the run is then gone on with until it is complete, and what it ends with is held against
an undisturbed run: weights, optimiser state and logged numbers, bit for bit. Steps "computed again" are those between
the last checkpoint and the fault; they cost time and nothing else. Linux only.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import random
import resource
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from siamtrack import config
from siamtrack.data.synthetic import write_dataset
from siamtrack.engine.checkpoint import Checkpoints
from siamtrack.engine.interruption import TRY_AGAIN
from siamtrack.engine.task import tasks
from siamtrack.engine.train import train
from siamtrack.models.weights import read_weights
from siamtrack.tracking.run import versions
from siamtrack.tracking.task import TrackingTask

STEPS, EPOCHS, EVERY = 12, 2, 3
SMALL = {
    "MODEL.BACKBONE.NAME": "convnet", "MODEL.BACKBONE.WIDTHS": [8, 8, 8], "MODEL.BACKBONE.STRIDES": [2, 2, 2],
    "MODEL.NECK.OUT": 8, "MODEL.CORRELATION.HIDDEN": 8, "MODEL.HEAD.HIDDEN": 8, "CROP.TEMPLATE_SIZE": 63,
    "CROP.SEARCH_SIZE": 127, "CROP.AREA_SIZE": 255, "DATA.SETS": [{"NAME": "got10k", "SPLIT": "train"}],
    "DATA.SAMPLES_PER_EPOCH": 4 * STEPS, "DATA.AUGMENT.SEARCH.SHIFT": 16.0, "DATA.WORKERS": 0, "TRAIN.BATCH": 4,
    "TRAIN.EPOCHS": EPOCHS, "TRAIN.LOG_EVERY": 1, "TRAIN.SAVE_STEPS": EVERY, "TRAIN.OPTIMIZER.LR": 0.01,
    "TRAIN.EMA": 0.99, "TRAIN.PHASES": [{"FROM": 0, "LEARN": ["neck", "correlations", "head"]}, {"FROM": 1}],
}  # fmt: skip
TIMES = ("time", "samples_per_second", "memory")
# one process per micro-batch, so that batch norm and sums see the same whatever the number of processes
ALIKE = {"TRAIN.DEVICE_BATCH": 1, "TRAIN.PHASES": [{"FROM": 0, "EVAL": ["*"]}], "TRAIN.EMA": 0.0}
Fault = Callable[[], None]


class Bench:
    """The world, and runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = str(write_dataset(folder / "world", 5, train=6, test=0, train_frames=4))

    def train(self, output: Path, more: dict[str, Any]) -> None:
        pairs = [word for key, value in {**SMALL, **more}.items() for word in (key, str(value))]
        cfg = config.load(overrides=pairs)
        train(cfg, tasks.build(cfg.TASK, cfg=cfg, data_root=self.world), output, resume=True, device="cpu")

    def live(
        self, output: Path, fault: Fault = lambda: None, world: int = 1, seconds: float = 0.0, **more: Any
    ) -> list[int]:
        """One life of a run in ``world`` processes; their exit codes, negative for signals.

        Args:
            fault: prepared in every process before it trains.
            seconds: until the last process is killed; 0: never.
        """
        port, started = _free_port(), []
        for rank in range(world):
            pid = os.fork()
            if pid == 0:
                os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world))
                os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
                code = 1
                try:
                    code = self._quietly(lambda: (fault(), self.train(output, more)))
                finally:
                    os._exit(code)
            started.append(pid)
        if seconds:
            time.sleep(seconds)
            os.kill(started[-1], signal.SIGKILL)
        return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in started]

    def _quietly(self, life: Callable[[], object]) -> int:
        with (self.folder / f"log-{os.getpid()}.txt").open("w", buffering=1) as log:
            sys.stdout = sys.stderr = log
            logging.basicConfig(stream=log, level=logging.INFO, force=True)
            try:
                life()
            except SystemExit as end:
                return int(end.code or 0)  # type: ignore[arg-type]
            except BaseException as error:
                log.write(f"{type(error).__name__}: {error}\n")
                return 1
            return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# What is held against what ------------------------------------------------------------------------------------------


def same(a: Any, b: Any) -> bool:
    """Bit for bit; seconds apart."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a if k not in ("data_time", "step_time"))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def rows(output: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def equal_ends(output: Path, whole: Path) -> bool:
    ends = [Checkpoints(folder / "checkpoints").newest() for folder in (output, whole)]
    if None in ends or ends[0].weights.name != ends[1].weights.name:  # type: ignore[union-attr]
        return False
    weights = [read_weights(end.weights).state for end in ends]  # type: ignore[union-attr]
    states = [end.state for end in ends]  # type: ignore[union-attr]
    return same(*weights) and same(*states) and rows(output) == rows(whole)


def largest_difference(output: Path, whole: Path) -> float:
    """Of the logged losses, relative."""
    pairs = zip(rows(output), rows(whole), strict=True)
    return max(abs(a["loss"]["total"] / b["loss"]["total"] - 1) for a, b in pairs)


def done_steps(output: Path) -> int:
    path = output / "metrics.jsonl"
    steps = [json.loads(line)["step"] for line in path.read_text().splitlines()] if path.exists() else []
    return max(steps, default=0)


def saved_steps(output: Path) -> int:
    newest = Checkpoints(output / "checkpoints").newest()
    return int(newest.state["progress"]["total"]) if newest else 0


# Faults -------------------------------------------------------------------------------------------------------------


def at_step(step: int, then: Callable[[], object], rank: int = 0) -> Fault:
    """``then`` when a process computes a step (0-based) of this life."""

    def prepare() -> None:
        losses, seen = TrackingTask.losses, 0

        def counted(self: Any, model: Any, batch: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == step + 1 and os.environ["RANK"] == str(rank):
                then()
            return losses(self, model, batch)

        TrackingTask.losses = counted  # type: ignore[method-assign]

    return prepare


def send(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def kill_at_replacement(count: int) -> Fault:
    """Killed in the moment in which the n-th file is to take its place: in the middle of saving."""

    def prepare() -> None:
        replace, calls = os.replace, 0

        def deadly(*given: Any, **named: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == count:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*given, **named)

        os.replace = deadly  # type: ignore[assignment]

    return prepare


def fill_disk(step: int, free: int) -> Fault:
    """From a step on no file may grow beyond ``free`` bytes, as on a full disk; three steps later the end."""

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (free, free))

    def prepare() -> None:
        at_step(step, full)()
        at_step(step + 4, send(signal.SIGKILL))()

    return prepare


def damage(output: Path, dice: random.Random) -> None:
    """Flip a bit of, or cut, one of the newest checkpoint's files."""
    newest = Checkpoints(output / "checkpoints").newest()
    assert newest is not None
    path = dice.choice([newest.weights, newest.weights.with_suffix(".state.pt")])
    content = bytearray(path.read_bytes())
    if dice.random() < 0.5:
        del content[dice.randrange(len(content)) :]
    else:  # the numbers lie in the second half
        content[dice.randrange(len(content) // 2, len(content) - 4096)] ^= 1
    path.unlink()
    path.write_bytes(content)


# The table ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Line:
    """One kind of fault."""

    fault: str
    times: int = 0
    hits: int = 0  # lives that ended by it
    again: list[int] = dataclasses.field(default_factory=list)
    equal: int = 0
    note: str = ""

    def text(self) -> str:
        most = max(self.again, default=0)
        return f"| {self.fault} | {self.times} | {self.hits} | {most} | {self.equal} of {self.times} | {self.note} |"


def measure(bench: Bench, rounds: int, dice: random.Random) -> Iterator[Line]:
    """Every kind of fault, ``rounds`` times."""
    whole = bench.folder / "whole"
    assert bench.live(whole) == [0]

    def disturbed(line: Line, name: str, world: int = 1, undisturbed: Path = whole, **fault: Any) -> None:
        output = bench.folder / name
        codes = bench.live(output, world=world, **fault)
        line.times += 1
        line.hits += any(code != 0 for code in codes)
        line.again.append(done_steps(output) - saved_steps(output))
        assert bench.live(output, world=world) == [0] * world
        line.equal += equal_ends(output, undisturbed)
        shutil.rmtree(output)

    line = Line("kill -9 at a random step")
    for i in range(rounds):
        disturbed(line, f"kill-{i}", fault=at_step(dice.randrange(1, 25), send(signal.SIGKILL)))
    yield line
    line = Line("kill -9 while a checkpoint is written", note="between any two of its files")
    for i in range(rounds):
        disturbed(line, f"saving-{i}", fault=kill_at_replacement(2 + i * 2 % 15))
    yield line
    for number in (signal.SIGTERM, signal.SIGUSR1):
        line = Line(f"{number.name} at a random step", note=f"saves, exit code {TRY_AGAIN}")
        for i in range(rounds):
            disturbed(line, f"{number.name}-{i}", fault=at_step(dice.randrange(1, 25), send(number)))
        yield line
    line = Line("disk full while saving, then kill -9", note="the last good checkpoint stays")
    for i in range(rounds):
        free = dice.choice([6_000, 12_000, 30_000])
        disturbed(line, f"disk-{i}", fault=fill_disk(dice.randrange(4, 18), free))
    yield line
    line = Line("newest checkpoint damaged", note="noticed by its hash; the one before is taken")
    for i in range(rounds):
        output = bench.folder / f"damage-{i}"
        bench.live(output, fault=at_step(dice.randrange(16, 24), send(signal.SIGKILL)))
        damage(output, dice)
        line.times += 1
        line.hits += 1
        line.again.append(done_steps(output) - saved_steps(output))
        assert bench.live(output) == [0]
        line.equal += equal_ends(output, whole)
        shutil.rmtree(output)
    yield line

    pair = bench.folder / "pair"
    assert bench.live(pair, world=2) == [0, 0]
    line = Line("one of two processes killed -9", note="the other ends with an error, the run goes on in two")
    for i in range(max(rounds // 2, 1)):
        fault = at_step(dice.randrange(2, 24), send(signal.SIGKILL), rank=1)
        disturbed(line, f"pair-{i}", 2, pair, fault=fault)
    yield line
    line = Line("one of two processes gets SIGUSR1", note="both save and stop after the same step")
    for i in range(max(rounds // 2, 1)):
        fault = at_step(dice.randrange(2, 24), send(signal.SIGUSR1), rank=1)
        disturbed(line, f"told-{i}", 2, pair, fault=fault)
    yield line

    alone = bench.folder / "alone"
    assert bench.live(alone, **ALIKE) == [0]
    for before, after in ((1, 2), (2, 1), (2, 4), (4, 2)):
        line = Line(f"stopped in {before}, gone on with in {after} processes", note="largest difference of losses: ")
        output = bench.folder / f"{before}-{after}"
        fault = at_step(dice.randrange(8, 40) // before, send(signal.SIGUSR1))
        line.times, line.hits = 1, int(bench.live(output, fault, before, **ALIKE) == [TRY_AGAIN] * before)
        line.again.append(done_steps(output) - saved_steps(output))
        assert bench.live(output, world=after, **ALIKE) == [0] * after
        difference = largest_difference(output, alone)
        line.note += f"{difference:.1e}"
        line.equal = int(difference < 1e-5)
        yield line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for faults.md and faults.json")
    parser.add_argument("--rounds", type=int, default=6, help="of each kind of fault (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = []
    began = time.time()
    with tempfile.TemporaryDirectory() as folder:
        for line in measure(Bench(Path(folder)), options.rounds, random.Random(options.seed)):
            print(line.text(), flush=True)
            lines.append(line)
    head = "| fault | runs | ended by it | steps computed again, at most | ended as the undisturbed run | |"
    options.output.mkdir(parents=True, exist_ok=True)
    text = "\n".join([head, "| --- | --- | --- | --- | --- | --- |", *(line.text() for line in lines)])
    (options.output / "faults.md").write_text(
        f"# What faults cost\n\nWritten by `python experiments/faults/run.py --rounds {options.rounds} --seed "
        f"{options.seed}`; what was done is said there. A run of {EPOCHS} epochs of {STEPS} steps, a checkpoint every "
        f"{EVERY} steps.\n\n{text}\n"
    )
    facts = {
        "seconds": round(time.time() - began),
        "versions": versions(),
        "lines": list(map(dataclasses.asdict, lines)),
    }
    (options.output / "faults.json").write_text(json.dumps(facts, indent=1) + "\n")
    if any(line.equal != line.times for line in lines):
        raise SystemExit("some runs did not end as the undisturbed one.")


if __name__ == "__main__":
    main()
