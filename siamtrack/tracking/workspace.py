"""A workspace of the official VOT toolkit: sequences, experiments, and a tracker that it can run.

``config.yaml``, ``stack.yaml`` (or the name of one of the toolkit's own), ``trackers.ini`` and ``sequences/``; what the
toolkit writes lies in ``results/`` and ``analysis/`` beside them.

Source: votchallenge/toolkit ``vot/workspace``, ``vot/stack``, ``vot/dataset/common.py``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from siamtrack.data.anchors import anchors_of
from siamtrack.data.sequence import DataError, ImageFrames, Sequence
from siamtrack.files import write_text

TIMEOUT = 120  # s: on a busy machine a network takes longer than the toolkit's 30 s to load
HOMES = {"supervised": "baseline", "multistart": "multistart", "longterm": "longterm"}
_IDENTIFIER = re.compile(r"[^a-zA-Z0-9-_]+")


@dataclass(frozen=True)
class Entry:
    """A tracker in ``trackers.ini``.

    Attributes:
        name: of any letters; the toolkit's identifier is made of it.
        command: that starts it, word by word; paths in it must be absolute.
    """

    name: str
    command: tuple[str, ...]

    @property
    def identifier(self) -> str:
        """As the toolkit allows it: letters, digits, ``-`` and ``_``."""
        return _IDENTIFIER.sub("-", self.name)

    def section(self) -> str:
        """Its section of ``trackers.ini``."""
        # configparser reads % as the beginning of a reference
        command = shlex.join(self.command).replace("%", "%%")
        return f"[{self.identifier}]\nlabel = {self.name}\nprotocol = trax\ncommand = {command}\ntimeout = {TIMEOUT}\n"


def write_workspace(
    folder: Path,
    sequences: SequenceOf[Sequence],
    entry: Entry,
    experiments: Mapping[str, tuple[int, int]],
    *,
    stack: str = "",
    repetitions: int = 1,
) -> Path:
    """Write a workspace, or add a tracker to one that is there.

    Args:
        folder: of the workspace.
        sequences: with image files as frames, which are linked, not copied, where the system can link.
        entry: the tracker.
        experiments: ``supervised``, ``multistart``, ``longterm`` -> interval of the expected average overlap, frames.
        stack: a stack of the toolkit's own (``vot2022/shorttermbox``) in place of these experiments.
        repetitions: runs of each sequence in ``supervised``.

    Raises:
        DataError: a sequence whose frames are no JPEG or PNG files.
        ValueError: the folder holds another workspace.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {"stack": stack or "stack.yaml", "registry": ["./trackers.ini"]}
    texts = {"config.yaml": yaml.safe_dump(config)}
    if not stack:
        texts["stack.yaml"] = yaml.safe_dump(stack_of(experiments, repetitions), sort_keys=False)
    for name, text in texts.items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") != text:
            raise ValueError(f"{path}: there is another workspace in this folder; take another one.")
        write_text(path, text)
    for sequence in sequences:
        write_sequence(folder / "sequences" / sequence.name, sequence)
    write_text(folder / "sequences" / "list.txt", "".join(f"{sequence.name}\n" for sequence in sequences))
    _register(folder / "trackers.ini", entry)
    (folder / "results").mkdir(exist_ok=True)
    return folder


def stack_of(experiments: Mapping[str, tuple[int, int]], repetitions: int = 1) -> dict[str, Any]:
    """The experiments with the analyses of the challenges, as the toolkit reads them."""
    made = {}
    for name, (low, high) in experiments.items():
        home = "baseline" if len(experiments) == 1 and name == "multistart" else HOMES[name]
        made[home] = _EXPERIMENTS[name](low, high, repetitions)
    return {"title": "written by siamtrack", "experiments": made}


def _supervised(low: int, high: int, repetitions: int) -> dict[str, Any]:
    return {
        "type": "supervised",
        "repetitions": repetitions,
        "skip_initialize": 5,
        "analyses": [
            {"type": "supervised_average_ar", "sensitivity": 30},
            {"type": "supervised_eao_score", "low": low, "high": high},
            {"type": "supervised_eao_curve"},
        ],
    }


def _multistart(low: int, high: int, repetitions: int) -> dict[str, Any]:
    return {
        "type": "multistart",
        "analyses": [
            {"type": "multistart_eao_score", "name": "eaoscore", "low": low, "high": high},
            {"type": "multistart_eao_curve", "name": "eaocurve", "high": high},
            {"type": "multistart_average_ar", "name": "ar"},
        ],
    }


def _longterm(low: int, high: int, repetitions: int) -> dict[str, Any]:
    analyses = [{"type": "average_tpr", "name": "average_tpr"}, {"type": "pr_curve"}, {"type": "f_curve"}]
    return {"type": "unsupervised", "repetitions": 1, "analyses": analyses}


_EXPERIMENTS = {"supervised": _supervised, "multistart": _multistart, "longterm": _longterm}


def write_sequence(folder: Path, sequence: Sequence) -> None:
    """One sequence as the toolkit reads it: ``sequence``, ``groundtruth.txt``, ``color/``, tags and ``anchor.value``.

    Raises:
        DataError: frames that are no JPEG or PNG files.
    """
    if not isinstance(sequence.frames, ImageFrames):
        raise DataError(
            f"sequence {sequence.name}: the toolkit reads image files, and this one is {sequence.frames!r}."
        )
    color = folder / "color"
    color.mkdir(parents=True, exist_ok=True)
    ending = Path(sequence.frames.path(0)).suffix
    for i in range(len(sequence)):
        _link(Path(sequence.frames.path(i)).absolute(), color / f"{i + 1:08d}{ending}")
    height, width = sequence.frames[0].shape[:2]
    facts = {"name": sequence.name, "channels.color": f"color/%08d{ending}", "fps": 30, "format": "default"}
    facts |= {"width": width, "height": height, "length": len(sequence)}
    write_text(folder / "sequence", "".join(f"{key}={value}\n" for key, value in facts.items()))
    write_text(folder / "groundtruth.txt", "".join(f"{row}\n" for row in _regions(sequence)))
    for name, flags in (sequence.tags or {}).items():
        write_text(folder / f"{name}.tag", "".join(f"{int(flag)}\n" for flag in flags))
    write_text(folder / "anchor.value", "".join(f"{anchor}\n" for anchor in anchors_of(sequence)))


def _regions(sequence: Sequence) -> list[str]:
    """A row per frame: corners where they are known, x, y, w, h otherwise, and 0 where the target is absent."""
    rows = sequence.boxes if sequence.polygons is None else sequence.polygons
    return [",".join(f"{v:.4f}" for v in row) if np.isfinite(row).all() else "0" for row in rows]


def _link(source: Path, target: Path) -> None:
    if target.is_symlink() or target.exists():
        target.unlink()
    try:
        os.symlink(source, target)
    except OSError:  # Windows without the privilege, or a file system without links
        shutil.copyfile(source, target)


def _register(path: Path, entry: Entry) -> None:
    """Put a tracker's section into ``trackers.ini``, in place of one of the same identifier."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    sections = [part for part in re.split(r"(?m)^(?=\[)", text) if part.strip()]
    kept = [part.rstrip() + "\n" for part in sections if not part.startswith(f"[{entry.identifier}]")]
    write_text(path, "\n".join([*kept, entry.section()]))
