"""Jobs over devices and processes, in the order given; a process that dies costs its job and nothing else.

With one seat the work is done in this process. Otherwise every seat has a process of its own, which builds its
trackers itself and is given a job whenever it is free.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Protocol

import cv2
import torch

from siamtrack.tracking.recipe import Recipe
from siamtrack.tracking.tracker import Tracker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seat:
    """Where one process computes.

    Attributes:
        device: ``cpu``, ``cuda:1``; ``None``: the GPU if there is one.
        threads: of its computing; 0: as many as torch and OpenCV take by themselves.
    """

    device: str | None = None
    threads: int = 0


@dataclass
class Bench:
    """What a process keeps from job to job: the tracker it built last, and whatever jobs put beside it."""

    seat: Seat
    kept: dict[str, Any] = field(default_factory=dict)
    _recipe: Recipe | None = None
    _tracker: Tracker | None = None

    def tracker(self, recipe: Recipe) -> Tracker:
        """The tracker of a recipe; built unless the last one was the same."""
        if self._tracker is None or recipe != self._recipe:
            self._tracker = None  # one at a time on a device
            self._tracker, self._recipe = recipe.build(self.seat.device), recipe
        return self._tracker


class Job(Protocol):
    """Something to do; can be pickled, and so can its answer."""

    def do(self, bench: Bench) -> Any:
        """Do it; an exception is an answer, too."""
        ...


@dataclass(frozen=True)
class Failed:
    """A job that could not be done, and the sentence that says why."""

    reason: str


def seats(device: str | None = None, processes: int = 0, threads: int = 0) -> list[Seat]:
    """Processes spread over devices.

    Args:
        device: the one to use; ``None``: every GPU, or else the CPU.
        processes: how many; 0: one for each device.
        threads: of each process; 0: the cores shared out, or torch's own choice for a single process.

    Raises:
        ValueError: a negative number.
    """
    if processes < 0 or threads < 0:
        raise ValueError(f"--processes {processes} and --threads {threads} should be 0 (automatic) or more.")
    devices = [device] if device else [f"cuda:{i}" for i in range(torch.cuda.device_count())] or ["cpu"]
    count = processes or len(devices)
    if not threads and count > 1:
        threads = max(1, (os.cpu_count() or 1) // count)
    return [Seat(devices[i % len(devices)], threads) for i in range(count)]


class Crew:
    """Processes that do jobs; they stay from one list of jobs to the next.

    >>> with Crew(seats(processes=4)) as crew:
    ...     for number, answer in crew.work(jobs): ...

    Args:
        places: a process each; with one place the work is done in this process.
    """

    def __init__(self, places: Sequence[Seat]) -> None:
        self._bench = Bench(places[0])
        self._hands = [_Hand(seat) for seat in places] if len(places) > 1 else []
        self._before = torch.get_num_threads(), cv2.getNumThreads()

    def __enter__(self) -> Crew:
        if not self._hands:
            _use_threads(self._bench.seat.threads)
        return self

    def __exit__(self, *error: object) -> None:
        for hand in self._hands:
            hand.stop()
        if not self._hands and self._bench.seat.threads:
            torch.set_num_threads(self._before[0])
            cv2.setNumThreads(self._before[1])

    def work(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        """Do all jobs, one list at a time.

        Args:
            jobs: the first is begun first.

        Yields:
            The index of a job and its answer, or :class:`Failed`, as they come.
        """
        if not self._hands:
            yield from ((i, _answer(job, self._bench)) for i, job in enumerate(jobs))
            return
        waiting: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()
        answers: queue.Queue[tuple[int, Any]] = queue.Queue()
        for item in enumerate(jobs):
            waiting.put(item)
        for hand in self._hands[: len(jobs)]:
            threading.Thread(target=hand.serve, args=(waiting, answers), daemon=True).start()
        for _ in jobs:
            yield _next(answers)


def _next(answers: queue.Queue[tuple[int, Any]]) -> tuple[int, Any]:
    while True:
        try:
            return answers.get(timeout=0.5)
        except queue.Empty:  # a wait without limit would not let an interrupt through on every system
            continue


class _Hand:
    """One seat's process, started anew when it has died."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._process: Any = None
        self._line: Connection | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def serve(self, waiting: queue.SimpleQueue[tuple[int, Job]], answers: queue.Queue[tuple[int, Any]]) -> None:
        """Take jobs until there is none."""
        while not self._stopped:
            try:
                number, job = waiting.get_nowait()
            except queue.Empty:
                break
            answers.put((number, self._ask(job)))

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        with self._lock:
            self._stopped = True
            self._end()

    def _ask(self, job: Job) -> Any:
        try:
            self._start()
            assert self._line is not None
            self._line.send(job)
            return self._line.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return Failed(f"the process that worked on it {self._ending()}; it may have run out of memory.")
        except Exception as error:  # a job that cannot be pickled, say
            return Failed(f"{error}" or type(error).__name__)

    def _ending(self) -> str:
        """How the process ended; the next job gets a new one."""
        with self._lock:
            if self._process is None:
                return "was stopped"
            self._process.join(5)
            code = self._process.exitcode
            self._end()
        return f"was killed by signal {-code}" if code and code < 0 else f"ended with exit code {code}"

    def _start(self) -> None:
        with self._lock:
            if self._process is not None or self._stopped:
                return
            context = multiprocessing.get_context("spawn")  # CUDA and OpenCV's threads do not survive a fork
            self._line, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(other, self._seat), daemon=True)
            self._process.start()
            other.close()  # so that the process sees the end when we die, and we see it when the process does

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process = None
        if self._line is not None:
            self._line.close()
            self._line = None


def _serve(line: Connection, seat: Seat) -> None:
    """A worker process: jobs in, answers out, until the other end of the line is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the process that gives out the work
    _use_threads(seat.threads)
    bench = Bench(seat)
    while True:
        try:
            job = line.recv()
            line.send(_answer(job, bench))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _use_threads(count: int) -> None:
    """Compute with so many threads from now on; 0: leave it as it is."""
    if count:
        torch.set_num_threads(count)
        cv2.setNumThreads(count)


def _answer(job: Job, bench: Bench) -> Any:
    try:
        return job.do(bench)
    except Exception as error:  # whatever is wrong with one job, the others still count
        log.debug("%s", job, exc_info=True)
        return Failed(f"{error}" or type(error).__name__)
