"""Run a function in a forked process and perhaps kill it: quicker than a fresh interpreter, and as final."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable


def forked(function: Callable[[], object], kill_after: float | None = None, log: str = os.devnull) -> int:
    """Exit status of the child, negative for a signal.

    Args:
        kill_after: seconds until it is killed, as by kill -9.
        log: where its output goes.
    """
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            sys.stdout = sys.stderr = open(log, "a", buffering=1)  # noqa: SIM115 - until the end of the process
            logging.basicConfig(stream=sys.stderr, force=True)
            function()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def together(function: Callable[[], object], world: int = 2, log: str = os.devnull) -> list[int]:
    """Run the function in ``world`` processes that find each other as under torchrun; their exit statuses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = []
    for rank in range(world):
        pid = os.fork()
        if pid == 0:
            os.environ.update(
                RANK=str(rank),
                LOCAL_RANK=str(rank),
                WORLD_SIZE=str(world),
                MASTER_ADDR="127.0.0.1",
                MASTER_PORT=str(port),
            )
            os._exit(forked(function, log=log) & 0xFF)
        started.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in started]
