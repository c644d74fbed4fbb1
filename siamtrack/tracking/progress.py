"""How far a run over sequences is: a bar with the time to go on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from tqdm import tqdm

log = logging.getLogger(__name__)

QUIET = 10.0  # s between lines where there is no terminal


class Progress:
    """Counts frames, since sequences differ in length, and averages what they report.

    Args:
        title: what is run on what.
        jobs: how many result files are to be made.
        frames: how many frames that is.
    """

    def __init__(self, title: str, jobs: int, frames: int) -> None:
        self._title, self._jobs, self._frames = title, jobs, frames
        self._done = self._tracked = 0
        self._sums: dict[str, tuple[float, int]] = {}
        self._begun = self._spoken = time.monotonic()
        # smoothing off: results come in bursts, and the mean rate tells the time to go best
        self._bar = tqdm(total=frames, desc=title, unit="frame", unit_scale=True, smoothing=0, disable=None)

    def finished(self, name: str, frames: int, numbers: Mapping[str, float]) -> None:
        """Take note of a job.

        Args:
            name: of its sequence.
            frames: that it had.
            numbers: what it reports; averaged over the jobs that report it.
        """
        self._done, self._tracked = self._done + 1, self._tracked + frames
        for key, value in numbers.items():
            total, count = self._sums.get(key, (0.0, 0))
            self._sums[key] = total + value, count + 1
        said = ", ".join([f"{self._done} of {self._jobs}", *self.averages()])
        self._bar.set_postfix_str(said, refresh=False)
        self._bar.update(frames)
        if self._bar.disable and self._due():
            log.info("%s: %s done, last %s%s", self._title, said, name, self._to_go())

    def averages(self) -> list[str]:
        """``["AUC 0.612"]``."""
        return [f"{key} {total / count:.3f}" for key, (total, count) in self._sums.items()]

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()

    def _due(self) -> bool:
        now = time.monotonic()
        if self._done < self._jobs and now - self._spoken < QUIET:
            return False
        self._spoken = now
        return True

    def _to_go(self) -> str:
        left = self._frames - self._tracked
        if left <= 0 or not self._tracked:
            return ""
        seconds = (time.monotonic() - self._begun) / self._tracked * left
        return f", about {seconds / 60:.0f} min to go" if seconds > 90 else f", about {seconds:.0f} s to go"
