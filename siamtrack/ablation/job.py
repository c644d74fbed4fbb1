"""One run of a variant with one seed: trained, tested and scored, and taken up where it was broken off.

Training and testing are the commands ``siamtrack train`` and ``siamtrack test`` in a process of their own, so that a
run that dies takes nothing with it. ``run.json`` says what a folder holds; what is finished and of the same content is
not done again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from siamtrack import config, evaluation
from siamtrack.ablation.grid import Variant
from siamtrack.config import ConfigError
from siamtrack.engine.checkpoint import Checkpoints
from siamtrack.engine.resume import differences
from siamtrack.files import write_text

# keys that change neither the weights nor the boxes of a finished run
HARMLESS = (
    "OUTPUT", "PLUGINS*", "DATA.WORKERS", "TRAIN.DEVICE_BATCH", "TRAIN.KEEP", "TRAIN.LOG_EVERY", "TRAIN.SAVE_EVERY",
    "TRAIN.SAVE_STEPS", "TRAIN.STOP_AFTER", "TRAIN.VALIDATE*", "TRAIN.REHEARSE", "TRAIN.PREFLIGHT", "TRAIN.WANDB",
    "TRAIN.CHECKPOINTING*", "TRAIN.PICTURE_EVERY",
)  # fmt: skip


Started = Callable[[subprocess.Popen[bytes]], None]


class RunFailed(Exception):
    """A run could not be finished; the message is the reason it gave."""


@dataclass(frozen=True)
class Benchmark:
    """What variants are tested on.

    Attributes:
        name: of the data set, as ``siamtrack test --dataset`` takes it.
        truths: its annotations.
        protocol: name of the protocol; ``""``: the data set's usual one.
        arguments: the options of ``siamtrack test`` that open it: root, split, sequences.
    """

    name: str
    truths: Sequence[evaluation.Truth]
    protocol: str = ""
    arguments: tuple[str, ...] = ()

    def content(self) -> dict[str, Any]:
        """What results on it depend on, apart from the tracker."""
        return {"name": self.name, "frames": {truth.name: len(truth.boxes) for truth in self.truths}}


@dataclass(frozen=True)
class Device:
    """Where a run computes.

    Attributes:
        index: what ``CUDA_VISIBLE_DEVICES`` shall name; ``None``: the CPU.
        name: for the table.
    """

    index: str | None
    name: str

    def environment(self) -> dict[str, str]:
        """The environment of a process that shall see this device alone."""
        return {**os.environ, "CUDA_VISIBLE_DEVICES": self.index or ""}


@dataclass(frozen=True)
class Job:
    """A run that is to be done.

    Attributes:
        variant: what.
        seed: the run's ``SEED``.
        folder: where everything of it stands: ``train/``, ``results/``, ``log.txt``, ``run.json``.
        benchmark: what it is tested on.
        train_arguments: further options of ``siamtrack train``: the root of its data.
        plugins: modules that register parts.
    """

    variant: Variant
    seed: int
    folder: Path
    benchmark: Benchmark
    train_arguments: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()

    @property
    def overrides(self) -> tuple[str, ...]:
        """All ``KEY VALUE`` pairs of the run."""
        return (*self.variant.overrides, "SEED", str(self.seed))

    @property
    def tracker(self) -> str:
        """What the tracker is called in its results."""
        return f"{self.variant.folder}-seed-{self.seed}"

    def configuration(self) -> Any:
        """The resolved configuration."""
        return config.load(self.variant.cfg, self.overrides, self.plugins)

    def do(self, device: Device, started: Started) -> evaluation.Scores:
        """Train, test and score, as far as that has not been done.

        Args:
            device: where.
            started: is given every process that is started.

        Raises:
            RunFailed: with the last words of the process that failed, or what the folder holds instead.
        """
        done = self._claimed()
        if "checkpoint" not in done:
            done["checkpoint"] = self._train(device, started)
            self._write(done)
        if "device" not in done:
            self._test(self.folder / "train" / "checkpoints" / done["checkpoint"], device, started)
            self._write({**done, "device": device.name})
        return self.scores()

    def scores(self) -> evaluation.Scores:
        """The scores of its results."""
        frames = self.benchmark.content()["frames"]
        folder = evaluation.tracker_folder(self.folder / "results", self.benchmark.name, self.tracker)
        found = evaluation.load_results(folder, frames, self.tracker)
        test = self.benchmark
        return evaluation.evaluate(test.truths, found, test.protocol, benchmark=test.name)

    def tested_on(self) -> str:
        """The device that a finished run was tested on; ``""`` for one that is not finished."""
        return str(self._read().get("device", ""))

    def _train(self, device: Device, started: Started) -> str:
        """Train or go on with training; the name of the last weights file."""
        output = self.folder / "train"
        resume = ["--resume"] if output.is_dir() and any(output.iterdir()) else []
        plugins = [word for plugin in self.plugins for word in ("--plugin", plugin)]
        words = ["train", "--cfg", self.variant.cfg, "--output", str(output), *resume, *plugins, *self.train_arguments]
        self._call([*words, *self.overrides], device, started)
        newest = Checkpoints(output / "checkpoints").newest()
        if newest is None:
            raise RunFailed(f"training ended without a checkpoint in {output}.")
        return newest.weights.name

    def _test(self, weights: Path, device: Device, started: Started) -> None:
        test = self.benchmark
        words = ["test", "--checkpoint", str(weights), "--dataset", test.name, "--name", self.tracker]
        words += ["--experiment", "one-pass"]
        where = ["--output", str(self.folder / "results"), "--device", "cpu" if device.index is None else "cuda"]
        self._call([*words, *where, *test.arguments], device, started)

    def _call(self, words: Sequence[str], device: Device, started: Started) -> None:
        """One of our commands in a process of its own."""
        log = self.folder / "log.txt"
        with log.open("ab") as file:
            _claim(file, self.folder)
            begin = file.tell()
            command = [sys.executable, "-m", "siamtrack.cli", *words]
            process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=device.environment()
            )
            started(process)
            code = process.wait()
        if code:
            raise RunFailed(f"{words[0]} {_ending(code)}: {_last_words(log, begin)}")

    def _claimed(self) -> dict[str, Any]:
        """What has been done in the folder; a new one is claimed for this content."""
        self.folder.mkdir(parents=True, exist_ok=True)
        there, content = self._read(), self._content()
        if not there:
            self._write(content)
            return content
        changed = differences(there["config"], content["config"], HARMLESS)
        sentences = [f"{key} was {old!r}, is {new!r}" for key, (old, new) in changed.items()]
        if there["test"] != content["test"]:
            sentences.append("it was tested on other sequences")
        if sentences:
            raise RunFailed(f"{self.folder} holds another run ({'; '.join(sentences)}); take another --output.")
        return there

    def _content(self) -> dict[str, Any]:
        """What tells this run from others."""
        return {"config": config.to_plain(self.configuration()), "test": self.benchmark.content()}

    def _read(self) -> dict[str, Any]:
        path = self.folder / "run.json"
        if not path.is_file():
            return {}
        try:
            read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigError(f"{path}: is not what an ablation wrote ({error}); remove the folder.") from error
        return read

    def _write(self, what: dict[str, Any]) -> None:
        write_text(self.folder / "run.json", json.dumps(what, indent=1) + "\n")


def _claim(file: BinaryIO, folder: Path) -> None:
    """Lock a log for as long as anybody writes into it: the process that inherits it keeps the lock when we are killed.

    Without effect where there are no such locks (Windows).
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise RunFailed(
            f"{folder} is being worked on by another process, perhaps one that an interrupted ablation left behind; "
            "wait for it, or end it, and start again."
        ) from None


def _ending(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _last_words(log: Path, begin: int) -> str:
    """The last line of what a process wrote, which is the sentence for what was wrong."""
    with log.open("rb") as file:
        file.seek(begin)
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"it said nothing; see {log}"
