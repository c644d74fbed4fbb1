"""Asked to stop: a run that gets SIGTERM or SIGUSR1 finishes its step, saves, and leaves by a code of its own.

Schedulers warn before they take a machine away. All processes of a run stop after the same step, whichever of them was
asked: the wish travels with the step's report (:mod:`siamtrack.engine.report`). ``--resume`` goes on, bit for bit.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

log = logging.getLogger(__name__)

# sysexits.h: "temporary failure, the user is invited to retry"
TRY_AGAIN = 75
SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))


class Interrupted(SystemExit):
    """The run was asked to stop and has saved; left to itself, it ends the process with code 75."""

    def __init__(self) -> None:
        super().__init__(TRY_AGAIN)


class Interruption:
    """Notes signals while it is entered; outside the main thread, where none arrive, it notes nothing.

    Attributes:
        asked: a signal came.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        first, self.asked = not self.asked, True  # noted, even if telling fails
        if first:
            log.warning("%s: the run ends after this step, once it is saved.", signal.Signals(number).name)
