"""Watches the steps of a run: averages for the log, skipped steps, and the end of a run that learns nothing more."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from siamtrack.engine.distributed import Processes
from siamtrack.engine.log import RunLog
from siamtrack.engine.report import Outcome, StepReport

log = logging.getLogger(__name__)

# the share of a step's time from which on waiting for data is worth a word
WAITING = 0.3


class TrainingStopped(RuntimeError):
    """Too many steps in a row were skipped; the message names the reason and where the batch lies."""


@dataclasses.dataclass
class Step:
    """A step under way: its report, and what the log wants to know beside it."""

    epoch: int
    report: StepReport
    rates: dict[str, float]
    data_time: float
    step_time: float
    batches: list[Any]


class Monitor:
    """Looks at every step, one step later where the device runs ahead of the host.

    Args:
        folder: of the run; an offending batch is saved there.
        every: steps in a row of the log (``TRAIN.LOG_EVERY``); 0: rows of epochs alone.
        stop_after: skipped steps in a row that end the run.
        samples: in a step.

    Attributes:
        stop: a process was asked to stop, and every process has learnt of it by the same step.
    """

    def __init__(
        self, log: RunLog, folder: Path, processes: Processes, every: int, stop_after: int, samples: int
    ) -> None:
        self.log = log
        self.folder = folder
        self.processes = processes
        self.every = every
        self.stop_after = stop_after
        self.samples = samples
        self.skipped = 0
        self.in_a_row = 0
        self.stop = False
        self.window, self.epoch_window = _Means(), _Means()
        self._waiting: Step | None = None

    def push(self, step: Step) -> None:
        """Take in a step.

        Raises:
            TrainingStopped: it was the last one too many.
        """
        self.flush()
        if step.report.deferred:
            self._waiting = step
        else:
            self._look(step)

    def flush(self) -> None:
        """Look at the step that is still waiting, if there is one."""
        step, self._waiting = self._waiting, None
        if step is not None:
            self._look(step)

    def end_epoch(self, epoch: int, step: int, validation: Mapping[str, float]) -> dict[str, Any]:
        """Write the row of a finished epoch, and return it."""
        self.flush()
        row = {"kind": "epoch", "epoch": epoch + 1, "step": step, **self.epoch_window.row(self.samples)}
        row["skipped"] = self.skipped
        if validation:
            row["validation"] = dict(validation)
        self.log.end_epoch()
        self.log.row(row)
        time = row["time"]
        if time["data"] > WAITING * time["step"]:
            self.log.say(
                f"{time['data'] / time['step']:.0%} of the time went by waiting for data: raise DATA.WORKERS, "
                "pack the images (siamtrack data pack), or put them on a faster disk."
            )
        self.epoch_window = _Means()
        return row

    def state_dict(self) -> dict[str, Any]:
        return {
            "skipped": self.skipped,
            "in_a_row": self.in_a_row,
            "window": dataclasses.asdict(self.window),
            "epoch_window": dataclasses.asdict(self.epoch_window),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.skipped, self.in_a_row = state["skipped"], state["in_a_row"]
        self.window, self.epoch_window = _Means(**state["window"]), _Means(**state["epoch_window"])

    def _look(self, step: Step) -> None:
        outcome = step.report.read()
        self.window.add(outcome, step)
        self.epoch_window.add(outcome, step)
        self.skipped += outcome.skipped
        self.stop = self.stop or outcome.stop
        if outcome.fault:
            self.in_a_row += 1
            self._complain(outcome, step)
        elif not outcome.skipped:
            self.in_a_row = 0
        if self.every > 0 and outcome.step % self.every == 0:
            row = {"kind": "step", "epoch": step.epoch + 1, "step": outcome.step, **self.window.row(self.samples)}
            self.log.row({**row, "lr": step.rates, "skipped": self.skipped, "memory": memory(self.processes.device)})
            self.window = _Means()
        self.log.advance()

    def _complain(self, outcome: Outcome, step: Step) -> None:
        where = f"step {outcome.step} (epoch {step.epoch + 1})"
        if self.processes.main:
            log.warning("%s is skipped: %s; %d in a row.", where, outcome.fault, self.in_a_row)
        if self.in_a_row < self.stop_after:
            return
        name = f"bad-batch-step-{outcome.step}-process-{{}}.pt"
        if outcome.own_fault:
            torch.save(plain(step.batches), self.folder / name.format(self.processes.rank))
        raise TrainingStopped(
            f"{self.in_a_row} steps in a row were skipped, the last one {where}: {outcome.fault}. The batch lies in "
            f"{self.folder / name.format('N')}, N being the process whose batch it was. If it looks sound, the "
            "learning rate is too high or the loss is not safe at its edges; --resume goes on from a checkpoint."
        )


def memory(device: torch.device) -> dict[str, float]:
    """GiB in use: ``host``, the resident memory where the system tells it; ``device``, the most so far on CUDA."""
    used: dict[str, float] = {}
    pages = Path("/proc/self/statm")
    if pages.exists():
        used["host"] = round(int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30, 4)
    if device.type == "cuda":
        used["device"] = round(torch.cuda.max_memory_allocated(device) / 2**30, 4)
    return used


def plain(value: Any) -> Any:
    """A batch as dicts, lists and tensors on the host, which ``torch.load`` reads with ``weights_only=True``."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)


@dataclasses.dataclass
class _Means:
    """Sums over steps; losses and gradients over the good ones only."""

    steps: int = 0
    good: int = 0
    terms: dict[str, float] = dataclasses.field(default_factory=dict)
    gradient_norm: float = 0.0
    group_norms: dict[str, float] = dataclasses.field(default_factory=dict)
    data_time: float = 0.0
    step_time: float = 0.0

    def add(self, outcome: Outcome, step: Step) -> None:
        self.steps += 1
        self.data_time += step.data_time
        self.step_time += step.step_time
        if outcome.skipped:
            return
        self.good += 1
        self.gradient_norm += outcome.gradient_norm
        for sums, values in ((self.terms, outcome.terms), (self.group_norms, outcome.group_norms)):
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value

    def row(self, samples: int) -> dict[str, Any]:
        steps = max(self.steps, 1)
        row: dict[str, Any] = {"time": {"step": self.step_time / steps, "data": self.data_time / steps}}
        row["samples_per_second"] = samples / max(self.step_time / steps, 1e-9)
        if self.good:
            means = {name: total / self.good for name, total in self.terms.items()}
            row["loss"] = {"total": sum(means.values()), **means}
            row["gradient_norm"] = self.gradient_norm / self.good
            # a group that came with a later phase counts the steps since
            row["gradient"] = {name: total / self.good for name, total in self.group_norms.items()}
        return row
