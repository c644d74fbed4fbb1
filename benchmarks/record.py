"""Rows of a benchmark: what they hold, and where they were measured."""

from __future__ import annotations

import contextlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import siamtrack


def machine() -> str:
    """Cores at hand and type of CPU; no name of a host."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    kind = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                kind = line.partition(":")[2].strip()
                break
    return f"{cores} cores, {kind}"


def versions() -> dict[str, str]:
    """Of everything that decides about speed, as far as it is installed."""
    found = {"siamtrack": siamtrack.__version__, "python": platform.python_version()}
    for name in ("torch", "numpy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def row(name: str, ours: float, other: float, unit: str, **more: Any) -> dict[str, Any]:
    """``ratio`` says how many times less ours takes."""
    place = {"machine": machine(), "versions": versions()}
    return {"name": name, "ratio": round(other / ours, 2), "ours": ours, "other": other, "unit": unit, **more, **place}


def write(rows: list[dict[str, Any]], file: str | None) -> None:
    """Rows on the terminal, and as JSON in ``file`` if one is named."""
    for entry in rows:
        ours, other, unit = entry["ours"], entry["other"], entry["unit"]
        print(f"{entry['name']:52} ours {ours:9.3f} {unit}  other {other:9.3f} {unit}  ratio {entry['ratio']:7.1f}")
    if file:
        Path(file).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
