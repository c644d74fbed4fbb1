"""Where a run's numbers go: ``metrics.jsonl``, TensorBoard, and a terminal or plain lines. Main process alone."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from siamtrack.engine.sinks import SinkMaker, TensorBoard
from siamtrack.files import write_text

log = logging.getLogger(__name__)


class RunLog:
    """Writes rows of numbers.

    A row is ``{"kind": "step" | "epoch", "epoch": 1-based, "step": finished steps of the run, ...}``; nested
    mappings become one curve each. A run that goes on from step n first takes back all rows after n, so that no step
    stands twice. What cannot be written (disk full, no network) is said once, and training goes on.

    Args:
        folder: of the run.
        step: finished steps it goes on from; 0 for a new run.
        active: off for all but the main process; nothing is written then.
        sinks: where the curves go besides ``metrics.jsonl``; each is made from (folder, step).
        epochs: finished epochs it goes on from; ``None``: as many as there are rows of up to ``step``.
    """

    def __init__(
        self,
        folder: Path,
        step: int,
        active: bool,
        sinks: Sequence[SinkMaker] = (TensorBoard,),
        epochs: int | None = None,
    ) -> None:
        self.active = active
        if not active:
            return
        self._path = folder / "metrics.jsonl"
        _cut(self._path, step, epochs)
        self._rows = self._path.open("ab", buffering=0)
        self._sinks = [make(folder, step) for make in sinks]
        self._lost = False
        self._bar: tqdm[Any] | None = None

    def close(self) -> None:
        """Write out what is still held back."""
        if self.active:
            self.end_epoch()
            for close in (self._rows.close, *(sink.close for sink in self._sinks)):
                with self._surviving():
                    close()

    def begin_epoch(self, epoch: int, epochs: int, step: int, steps: int) -> None:
        """Show a new epoch (0-based), of which ``step`` steps are done; a bar if a person is watching."""
        self._where = f"epoch {epoch + 1}/{epochs}"
        self._steps = steps
        if self.active and sys.stderr.isatty():
            self._bar = tqdm(total=steps, initial=step, desc=self._where, unit="step", dynamic_ncols=True)

    def advance(self) -> None:
        """One step is done."""
        if self.active and self._bar is not None:
            self._bar.update()

    def end_epoch(self) -> None:
        """Take the bar away."""
        if self.active and self._bar is not None:
            self._bar.close()
            self._bar = None

    def row(self, row: dict[str, Any]) -> None:
        """Write one row everywhere."""
        if not self.active:
            return
        with self._surviving():
            # JSON has no word for infinity
            self._append(json.dumps(_finite(row)).encode() + b"\n")
        for sink in self._sinks:
            with self._surviving():
                sink.write(dict(_curves(row)), row["step"])
                if row["kind"] == "epoch":
                    sink.flush()
        if self._bar is not None and row["kind"] == "step":
            self._bar.set_postfix_str(_losses(row))
        else:
            self.say(f"{self._where}  {_line(row, self._steps)}")

    def picture(self, name: str, image: np.ndarray, step: int) -> None:
        """Hand ``[H, W, 3]`` uint8 RGB to the sinks."""
        if self.active:
            for sink in self._sinks:
                with self._surviving():
                    sink.picture(name, image, step)

    def say(self, text: str) -> None:
        """A line for people."""
        if self.active:
            with self._surviving():
                tqdm.write(text, file=sys.stdout)
                sys.stdout.flush()

    def _append(self, line: bytes) -> None:
        """A line, or nothing of it."""
        end = self._rows.seek(0, os.SEEK_END)
        if self._rows.write(line) != len(line):
            self._rows.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._lost:
                log.error("The run's numbers cannot be written (%s); rows are lost, and training goes on.", error)
            self._lost = True


def _cut(path: Path, step: int, epochs: int | None) -> None:
    """Drop rows after ``step`` and of epochs that are not finished, and a last row that a crash cut short."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        unfinished = epochs is not None and row["kind"] == "epoch" and row["epoch"] > epochs
        if row["step"] <= step and not unfinished:
            kept.append(line + "\n")
    write_text(path, "".join(kept))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _curves(row: dict[str, Any]) -> list[tuple[str, float]]:
    """Tags and values for TensorBoard: ``loss/total``, ``lr/head``, ``epoch/loss/total``, ..."""
    prefix = "epoch/" if row["kind"] == "epoch" else ""
    curves: list[tuple[str, float]] = []
    for key, value in row.items():
        if isinstance(value, dict):
            curves += [(f"{prefix}{key}/{name}", number) for name, number in value.items()]
        elif key not in ("kind", "step", "epoch"):
            curves.append((f"{prefix}{key}", value))
    return curves


def _losses(row: dict[str, Any]) -> str:
    losses = row.get("loss", {})
    parts = ", ".join(f"{name} {value:.4f}" for name, value in losses.items() if name != "total")
    return f"loss {losses['total']:.4f} ({parts})" if losses else "no good step"


def _line(row: dict[str, Any], steps: int) -> str:
    wait = row["time"]["data"] / max(row["time"]["step"], 1e-9)
    line = f"{_losses(row)}  {row['time']['step']:.3f} s/step, {wait:.0%} of it waiting for data"
    if row["kind"] == "step":
        rate = max(row["lr"].values())
        done = (row["step"] - 1) % steps + 1
        return f"step {done}/{steps}  lr {rate:.3g}  {line}  gradient {row.get('gradient_norm', math.nan):.3g}"
    checked = "  ".join(f"{name} {value:.4f}" for name, value in row.get("validation", {}).items())
    return f"done  {line}  skipped {row['skipped']}  {checked}".rstrip()
