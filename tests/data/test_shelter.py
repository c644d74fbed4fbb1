"""A loader's worker outlives what asks the run to stop, and still ends when the run ends it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from siamtrack.data.shelter import outlive_signals


def worker() -> int:
    """A process that is sheltered, then sleeps; its id, once it is."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        outlive_signals()
        os.write(writing, b"!")
        time.sleep(60)
        os._exit(3)
    os.close(writing)
    assert os.read(reading, 1) == b"!"
    os.close(reading)
    return pid


def ends_within(pid: int, seconds: float) -> int | None:
    """Exit status; ``None``: it lives."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    return None


@pytest.mark.skipif(not hasattr(signal, "sigwaitinfo"), reason="this system does not tell who sent a signal")
def test_only_the_parents_word_counts(tmp_path: Path) -> None:
    pid = worker()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        stranger = os.fork()
        if stranger == 0:
            os.kill(pid, number)
            os._exit(0)
        os.waitpid(stranger, 0)
    assert ends_within(pid, 0.3) is None
    os.kill(pid, signal.SIGTERM)
    assert ends_within(pid, 10.0) == 0
