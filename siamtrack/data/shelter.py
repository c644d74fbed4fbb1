"""Signals and worker processes: what asks a run to stop must not take away those that make its batches.

A scheduler, a launcher or a terminal often signals a whole group of processes. The run's own process finishes its step
and saves; a loader's worker that died meanwhile would make that an error.
"""

from __future__ import annotations

import os
import signal
import threading


def outlive_signals() -> None:
    """In a worker: SIGTERM, SIGINT and SIGUSR1 have no effect, except SIGTERM from the process that started it.

    Where the system does not tell who sent a signal (macOS), or has no such signals (Windows), nothing is done.
    """
    if not hasattr(signal, "sigwaitinfo"):
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1))
    threading.Thread(target=_obey, args=(os.getppid(),), name="signals", daemon=True).start()


def _obey(parent: int) -> None:
    """Wait for the parent's word to end; threads inherit the mask, so that none of them is interrupted."""
    while signal.sigwaitinfo((signal.SIGTERM,)).si_pid != parent:
        pass
    os._exit(0)
