"""Scores as long-form rows: one number, with the tracker, benchmark, protocol and metric it belongs to."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol, TypedDict


class Reported(Protocol):
    """What one-pass scores and those of VOT's experiments have in common."""

    @property
    def tracker(self) -> str: ...
    @property
    def benchmark(self) -> str: ...
    @property
    def protocol(self) -> Any: ...
    def metrics(self) -> dict[str, float]: ...


class Row(TypedDict):
    """One number that carries its protocol; ``value`` is ``None`` where it is not defined."""

    tracker: str
    benchmark: str
    protocol: str
    metric: str
    value: float | None


def rows(scores: Iterable[Reported]) -> list[Row]:
    """Every metric of every score, in the order given."""
    return [
        {
            "tracker": score.tracker,
            "benchmark": score.benchmark,
            "protocol": score.protocol.name,
            "metric": metric,
            "value": value if math.isfinite(value) else None,
        }
        for score in scores
        for metric, value in score.metrics().items()
    ]


def write_rows(path: str | os.PathLike[str], scores: Iterable[Reported]) -> None:
    """Write the rows as a JSON list."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows(scores), indent=1, allow_nan=False) + "\n", encoding="utf-8")
