"""A run: its parts, set up in one place, and everything of it that must survive listed in one place."""

from __future__ import annotations

import logging
import math
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import torch
from yacs.config import CfgNode

import siamtrack
from siamtrack import config
from siamtrack.engine.checkpoint import Checkpoint, CheckpointError, Checkpoints
from siamtrack.engine.distributed import Processes
from siamtrack.engine.interruption import Interrupted, Interruption
from siamtrack.engine.learner import Learner
from siamtrack.engine.log import RunLog
from siamtrack.engine.monitor import Monitor
from siamtrack.engine.occupation import occupy
from siamtrack.engine.preparation import prepare
from siamtrack.engine.rehearsal import rehearse
from siamtrack.engine.resume import starting_point
from siamtrack.engine.rules import rules
from siamtrack.engine.seeding import deterministic, seed_all
from siamtrack.engine.sinks import sinks
from siamtrack.engine.task import Shard, Task
from siamtrack.files import write_text
from siamtrack.models.weights import read_weights

log = logging.getLogger(__name__)


class Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        epoch: finished epochs.
        step: finished steps of the epoch under way.
        total: finished steps of the run.
        best: the best score of validation so far; ``None``: none yet.
        best_epoch: finished epochs when it was reached.
    """

    epoch: int = 0
    step: int = 0
    total: int = 0
    best: float | None = None
    best_epoch: int = 0

    @property
    def position(self) -> tuple[int, int]:
        return self.epoch, self.step

    def advance(self) -> None:
        self.step += 1
        self.total += 1

    def next_epoch(self) -> None:
        self.epoch, self.step = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


class Clock:
    """Seconds of a step, and how many of them went by waiting for data."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._start, self._waited = time.perf_counter(), 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        before = time.perf_counter()
        yield
        self._waited += time.perf_counter() - before

    def lap(self) -> tuple[float, float]:
        """(waiting, all) since the last lap."""
        lap = (self._waited, time.perf_counter() - self._start)
        self.restart()
        return lap


class Run:
    """Everything that a training run consists of; a context manager, which closes the log and leaves the folder.

    Args:
        output: the run's folder.
        resume: take up the newest checkpoint that lies there.

    Raises:
        ConfigError, CheckpointError: as ``train``.
    """

    def __init__(self, cfg: CfgNode, task: Task, output: Path, processes: Processes, resume: bool) -> None:
        if cfg.TRAIN.EPOCHS < 1:
            raise config.ConfigError(f"TRAIN.EPOCHS is {cfg.TRAIN.EPOCHS}; a run has at least 1.")
        deterministic(cfg.TRAIN.DETERMINISTIC)
        seed_all(cfg.SEED)
        self.cfg, self.task, self.output, self.processes = cfg, task, output, processes
        self.shard = Shard.plan(cfg.TRAIN.BATCH, cfg.TRAIN.DEVICE_BATCH, processes.rank, processes.world)
        self.model = prepare(task.model, cfg.TRAIN, processes)
        self.learner = Learner(cfg.TRAIN, self.model, processes, self.shard)
        self.progress = Progress()
        self.checkpoints = Checkpoints(output / "checkpoints", cfg.TRAIN.KEEP)
        saved = processes.decide(self._open if not resume else self._reopen)
        before = saved.state["progress"] if saved else asdict(self.progress)
        self.log = RunLog(output, before["total"], processes.main, sinks(cfg), before["epoch"])
        train = cfg.TRAIN
        self.monitor = Monitor(self.log, output, processes, train.LOG_EVERY, train.STOP_AFTER, self.shard.batch)
        self.clock = Clock()
        self.interruption = Interruption()
        # weights apart, this is all that a run needs to go on: data and random numbers follow from seed and progress
        self.stateful: dict[str, Stateful] = {
            "progress": self.progress,
            "learner": self.learner,
            "monitor": self.monitor,
        }
        for line in rules(train, self.learner, self.shard):
            self.log.say(line)
        if saved is not None:
            self._restore(saved)
        if hasattr(task, "begin"):
            task.begin(output)

    def __enter__(self) -> Run:
        self.interruption.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.interruption.__exit__(kind, error, at)
        self.log.close()
        if self.processes.main:
            self._lock.close()

    def rehearse(self) -> None:
        """Try a step of every phase that is still to come (``TRAIN.REHEARSE``); nothing of the run changes."""
        epoch, step = self.progress.position
        train = self.cfg.TRAIN
        if train.REHEARSE and epoch < train.EPOCHS and step < self.task.steps_per_epoch:
            rehearse(train, self.task, self.learner, self.shard, (epoch, step), self.log.say)

    def micro_batches(self, epoch: int) -> Iterator[Any]:
        """The rest of the epoch's micro-batches on the device; notes the time spent waiting for them."""
        source = iter(self.task.batches(epoch, self.progress.step, self.shard))
        while True:
            with self.clock.waiting():
                try:
                    raw = next(source)
                except StopIteration:
                    break
            yield self.task.prepare(raw, self.processes.device)
        raise RuntimeError(
            f"the task's batches of epoch {epoch} came to an end in step {self.progress.step}, but its steps_per_epoch "
            f"is {self.task.steps_per_epoch}: batches() gives {self.shard.accumulation} micro-batches for every step."
        )

    def between_steps(self) -> None:
        """Show pictures and save if it is time to, or if the run is to stop.

        Raises:
            Interrupted: it is to stop.
        """
        train, step = self.cfg.TRAIN, self.progress.step
        if due(self.progress.total, train.PICTURE_EVERY) and self.processes.main and hasattr(self.task, "pictures"):
            for name, picture in self.task.pictures().items():
                self.log.picture(name, picture, self.progress.total)
            self.clock.restart()  # drawing is no part of a step
        if self.monitor.stop or (due(step, train.SAVE_STEPS) and step < self.task.steps_per_epoch):
            self.save()
        self._stop_if_asked()

    def between_epochs(self, metrics: Mapping[str, Any]) -> None:
        """Save if it is time to, if it was the best epoch, or if the run is to stop.

        Raises:
            CheckpointError: the run's last checkpoint cannot be written.
            Interrupted: the run is to stop.
        """
        train, progress = self.cfg.TRAIN, self.progress
        score = metrics.get("validation", {}).get(train.BEST)
        best = score is not None and not math.isnan(score) and (progress.best is None or score > progress.best)
        before = progress.best, progress.best_epoch
        if best:
            progress.best, progress.best_epoch = score, progress.epoch
        last = progress.epoch == train.EPOCHS
        if best or last or due(progress.epoch, train.SAVE_EVERY) or self.monitor.stop:
            saved = self.save(metrics)
            if best and not saved:  # what is not there cannot be the best
                progress.best, progress.best_epoch = before
        if not last:
            self._stop_if_asked()

    def validate(self, epoch: int) -> dict[str, float]:
        """What the task measures on the model after an epoch, if it is due; the main process alone measures.

        Where measuring fails, the epoch is saved before the error goes on: nothing of it has to be trained again.
        """
        scores: dict[str, float] = {}
        every, last = self.cfg.TRAIN.VALIDATE_EVERY, epoch + 1 == self.cfg.TRAIN.EPOCHS
        if not hasattr(self.task, "validate") or not (due(epoch + 1, every) or last):
            return scores
        if self.processes.main:
            self.model.eval()
            try:
                with torch.no_grad(), self.learner.at_its_best():
                    scores = {name: float(score) for name, score in self.task.validate(self.model).items()}
            except Exception:
                self.save()
                raise
        self.processes.barrier()
        return scores

    def save(self, metrics: Mapping[str, Any] | None = None) -> bool:
        """Write a checkpoint of this moment; whether that went well, for all but the main process always.

        Raises:
            CheckpointError: it is the run's last one and cannot be written; a failure before that is a line in the log.
        """
        self.monitor.flush()
        if not self.processes.main:
            return True
        saved, state = True, {name: part.state_dict() for name, part in self.stateful.items()}
        text, meta = config.dump(self.cfg), self._meta(metrics or {})
        try:
            self.checkpoints.save(self.progress.position, self.learner.weights(), state, text, meta)
            self._keep_best()
        except CheckpointError as error:
            if self.progress.epoch == self.cfg.TRAIN.EPOCHS:
                raise
            log.error("%s Training goes on, and the next checkpoint is tried as usual.", error)
            saved = False
        self.clock.restart()  # saving is no part of a step
        return saved

    def _stop_if_asked(self) -> None:
        if self.monitor.stop:
            self.log.say("stopped as asked; --resume goes on from here.")
            raise Interrupted

    def _keep_best(self) -> None:
        """The weights just saved, or just taken up, also as the best ones, if they are."""
        if self.processes.main and self.progress.position == (self.progress.best_epoch, 0):
            self.checkpoints.keep_best(self.progress.position)

    def _open(self, resume: bool = False) -> Checkpoint | None:
        saved = starting_point(self.output, self.checkpoints, self.cfg, resume)
        self.output.mkdir(parents=True, exist_ok=True)
        self._lock = occupy(self.output)
        write_text(self.output / "config.yaml", config.dump(self.cfg))
        return saved

    def _reopen(self) -> Checkpoint | None:
        return self._open(resume=True)

    def _restore(self, saved: Checkpoint) -> None:
        if self.processes.main:  # the others receive the weights when the learner wraps the model anew
            self.model.load_state_dict(read_weights(saved.weights).state)
        for name, part in self.stateful.items():
            part.load_state_dict(saved.state[name])
        self._keep_best()  # a crash may have come between the two
        where = f"epoch {self.progress.epoch + 1}, step {self.progress.step}"
        over = self.progress.epoch >= self.cfg.TRAIN.EPOCHS
        self.log.say(f"{saved.weights.name}: " + ("the run is complete." if over else f"going on in {where}."))

    def _meta(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """What the weights file says of itself; nothing that differs between equal runs, such as the time."""
        return {
            "name": self.output.name,
            **{key: value for key, value in asdict(self.progress).items() if key in ("epoch", "step", "total")},
            "metrics": {key: metrics[key] for key in ("loss", "validation") if key in metrics},
            "versions": {
                "siamtrack": siamtrack.__version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
        }


def due(count: int, every: int) -> bool:
    """Whether something that happens ``every`` so many times happens now; 0: never."""
    return every > 0 and count % every == 0
