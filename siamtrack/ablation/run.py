"""All runs of an ablation, one process on each device at a time."""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from siamtrack.ablation.job import Device, Job
from siamtrack.evaluation import Scores

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its scores, or the reason why there are none.

    Attributes:
        job: the run.
        scores: ``None`` where it failed.
        reason: why; ``""`` where it did not.
        device: where it was tested.
    """

    job: Job
    scores: Scores | None = None
    reason: str = ""
    device: str = ""


def all_devices() -> list[Device]:
    """Every GPU that this process may use, or else the CPU."""
    import torch

    if not torch.cuda.is_available():
        return [Device(None, "CPU")]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if os.environ.get("CUDA_VISIBLE_DEVICES") else []
    return [
        Device(visible[i].strip() if visible else str(i), torch.cuda.get_device_name(i))
        for i in range(torch.cuda.device_count())
    ]


class Runner:
    """Does jobs on devices, and ends what it started when it is interrupted.

    Args:
        devices: each takes the next job when it is free.
    """

    def __init__(self, devices: Sequence[Device]) -> None:
        self.devices = devices
        self._children: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Do all jobs; one that fails is an outcome with its reason, and the others go on.

        Returns:
            An outcome for each job, in their order.
        """
        waiting: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()
        for item in enumerate(jobs):
            waiting.put(item)
        outcomes: dict[int, Outcome] = {}
        progress = _Progress(len(jobs))
        workers = [
            threading.Thread(target=self._work, args=(device, waiting, outcomes, progress), daemon=True)
            for device in self.devices
        ]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                while worker.is_alive():  # a join without limit would not let an interrupt through on every system
                    worker.join(0.2)
        except BaseException:
            self._stop()
            raise
        return [outcomes[i] for i in range(len(jobs))]

    def _work(
        self,
        device: Device,
        waiting: queue.SimpleQueue[tuple[int, Job]],
        outcomes: dict[int, Outcome],
        progress: _Progress,
    ) -> None:
        while not self._stopped:
            try:
                number, job = waiting.get_nowait()
            except queue.Empty:
                return
            fresh = progress.begins(job, device)
            outcomes[number] = self._outcome(job, device)
            if not self._stopped:
                progress.ended(outcomes[number], fresh)

    def _outcome(self, job: Job, device: Device) -> Outcome:
        try:
            scores = job.do(device, self._started)
            return Outcome(job, scores, device=job.tested_on())
        except Exception as error:  # whatever is wrong with one run, the others still count
            log.debug("%s", job.folder, exc_info=True)
            return Outcome(job, reason=str(error) or type(error).__name__)

    def _started(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._children = {child for child in self._children if child.poll() is None} | {process}
            if self._stopped:
                process.terminate()

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for child in self._children:
                child.terminate()


class _Progress:
    """Lines that say how far it is and how long it will take."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._ended = self._worked = 0
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def begins(self, job: Job, device: Device) -> bool:
        """Whether there is anything to do: a run that was finished before says nothing of the time to go."""
        if job.tested_on():
            return False
        log.info("%s, seed %d, on %s: see %s", job.variant.name, job.seed, device.name, job.folder / "log.txt")
        return True

    def ended(self, outcome: Outcome, fresh: bool) -> None:
        with self._lock:
            self._ended, self._worked = self._ended + 1, self._worked + fresh
            passed = time.monotonic() - self._begun
            left = passed / self._worked * (self._total - self._ended) if self._worked else None
            log.info(
                "[%d/%d] %s, seed %d: %s; %s passed%s",
                self._ended, self._total, outcome.job.variant.name, outcome.job.seed, _result(outcome), _span(passed),
                "" if left is None else f", about {_span(left)} to go",
            )  # fmt: skip


def _result(outcome: Outcome) -> str:
    if outcome.scores is None:
        return f"failed: {outcome.reason}"
    first = outcome.scores.protocol.metrics[0].name
    return f"{first} {outcome.scores.value(first):.3f}"


def _span(seconds: float) -> str:
    """A length of time in words that a glance takes in."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
