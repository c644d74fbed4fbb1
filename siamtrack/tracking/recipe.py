"""How any process makes a tracker: what a job carries in place of a network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from siamtrack.tracking.baselines import baseline
from siamtrack.tracking.load import load_tracker, tracker_name
from siamtrack.tracking.tracker import Tracker


class Recipe(Protocol):
    """Makes one tracker; small, and equal to another one that makes the same."""

    @property
    def name(self) -> str:
        """What the tracker is called in results and tables."""
        ...

    def build(self, device: str | None) -> Tracker:
        """The tracker, on a device; ``None``: the GPU if there is one."""
        ...

    def facts(self) -> dict[str, Any]:
        """What its results depend on, for ``meta.json``."""
        ...


@dataclass(frozen=True)
class FromCheckpoint:
    """The tracker of a weights file.

    Attributes:
        name: see :class:`Recipe`.
        checkpoint: a ``.safetensors`` file.
        overrides: ``KEY VALUE`` pairs over the configuration that it carries, plug-ins included.
    """

    name: str
    checkpoint: Path
    overrides: tuple[str, ...] = ()

    @classmethod
    def of(cls, checkpoint: Path, overrides: Sequence[str] = (), name: str = "") -> FromCheckpoint:
        """With the file's own name, unless another is given.

        Raises:
            ValueError: the file is missing, damaged, or not one of ours.
        """
        own = tracker_name(checkpoint)  # also where a name is given: a damaged file is one sentence here
        return cls(name or own, checkpoint, tuple(overrides))

    def build(self, device: str | None) -> Tracker:
        """See :class:`Recipe`."""
        tracker = load_tracker(self.checkpoint, device, self.overrides)
        tracker.name = self.name
        return tracker

    def facts(self) -> dict[str, Any]:
        """See :class:`Recipe`."""
        digest = hashlib.sha256(self.checkpoint.read_bytes()).hexdigest()
        return {"checkpoint": self.checkpoint.name, "sha256": digest, "overrides": list(self.overrides)}


@dataclass(frozen=True)
class FromBaseline:
    """A tracker that needs no training.

    Attributes:
        name: see :class:`Recipe`.
        baseline: see :func:`siamtrack.tracking.baselines.baseline`.
    """

    name: str
    baseline: str

    @classmethod
    def of(cls, kind: str, name: str = "") -> FromBaseline:
        """With its own name, unless another is given.

        Raises:
            ValueError: this OpenCV has no such tracker.
        """
        return cls(name or baseline(kind).name, kind)

    def build(self, device: str | None) -> Tracker:
        """See :class:`Recipe`; runs on the CPU whatever the device."""
        tracker = baseline(self.baseline)
        tracker.name = self.name
        return tracker

    def facts(self) -> dict[str, Any]:
        """See :class:`Recipe`."""
        return {"baseline": self.baseline}


@dataclass(frozen=True)
class Given:
    """A tracker that is there already; for the process that made it alone."""

    tracker: Tracker
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """See :class:`Recipe`."""
        return self.tracker.name

    def build(self, device: str | None) -> Tracker:
        """See :class:`Recipe`."""
        return self.tracker

    def facts(self) -> dict[str, Any]:
        """See :class:`Recipe`."""
        return self.meta
