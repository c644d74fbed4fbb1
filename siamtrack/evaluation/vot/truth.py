"""What is known of a sequence of VOT, and what a tracker gave for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from siamtrack.evaluation.results import runs_of
from siamtrack.evaluation.vot.regions import Array, Mask, Regions

UNTAGGED = "empty"  # VOT's name for frames without any attribute


@dataclass(frozen=True, eq=False)
class VotTruth:
    """The annotation of one sequence.

    Attributes:
        name: of the sequence.
        regions: F true regions; codes (rows of NaN) where the target is absent.
        size: (width, height) of the frames, px.
        tags: per-frame attribute -> ``[F]`` bool.
        anchors: ``[F]``, for multistart: above 0 a run starts here and goes forward, below 0 backward.

    Raises:
        ValueError: tags or anchors of another length.
    """

    name: str
    regions: Regions
    size: tuple[int, int]
    tags: Mapping[str, Mask] = field(default_factory=dict)
    anchors: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        lengths = {f"tag {tag}": len(flags) for tag, flags in self.tags.items()}
        if self.anchors is not None:
            lengths["anchors"] = len(self.anchors)
        for what, length in lengths.items():
            if length != len(self.regions):
                raise ValueError(
                    f"Sequence {self.name}: {what} has {length} entries for {len(self.regions)} frames; "
                    "one per frame is right."
                )

    def tagged(self, tag: str = "") -> Mask:
        """``[F]`` frames with an attribute; ``empty``: with none; no name: all."""
        if tag == UNTAGGED and self.tags:
            bare: Mask = ~np.any(list(self.tags.values()), axis=0)
            return bare
        if tag in ("", UNTAGGED):
            return np.ones(len(self.regions), bool)
        return self.tags.get(tag, np.zeros(len(self.regions), bool))

    def starts(self) -> list[tuple[int, bool]]:
        """Anchor frames and whether the run goes backward from there: forward ones first, as they are run.

        Raises:
            ValueError: the sequence has no anchor.
        """
        anchors = np.zeros(0) if self.anchors is None else self.anchors
        found = [(int(i), False) for i in np.flatnonzero(anchors > 0)]
        found += [(int(i), True) for i in np.flatnonzero(anchors < 0)]
        if not found:
            raise ValueError(
                f"Sequence {self.name}: no frame is an anchor (anchor.value); the multistart experiment starts at them."
            )
        return found

    def seen_from(self, anchor: int, backward: bool) -> VotTruth:
        """The sequence in the order in which a run from an anchor meets it."""
        order = np.arange(anchor, -1, -1) if backward else np.arange(anchor, len(self.regions))
        tags = {tag: flags[order] for tag, flags in self.tags.items()}
        return dataclasses.replace(self, regions=self.regions[order], tags=tags, anchors=None)


@dataclass(frozen=True, eq=False)
class VotRun:
    """One run of a tracker over a sequence.

    Attributes:
        regions: a row per frame, in running order: codes and regions.
        confidence: ``[rows]``, for long-term; NaN where none was recorded.
        anchor: the frame a multistart run starts from.
        source: its file, for sentences.
    """

    regions: Regions
    confidence: Array | None = None
    anchor: int | None = None
    source: str = ""


@dataclass(frozen=True, eq=False)
class VotResults:
    """All runs of one tracker.

    Attributes:
        tracker: its name.
        runs: sequence -> its runs.
        times: sequence -> seconds per frame; sequences without recorded times are not in it.
        source: where they were read, for sentences.
    """

    tracker: str
    runs: Mapping[str, Sequence[VotRun]]
    times: Mapping[str, Array] = field(default_factory=dict)
    source: str = ""

    def of(self, name: str, names: Sequence[str]) -> Sequence[VotRun]:
        """The runs of a sequence.

        Args:
            name: of the sequence.
            names: every sequence that is to be scored, so that the sentence can say how many are missing.

        Raises:
            ResultError: there is none.
        """
        return runs_of(name, names, self.runs, self.tracker, self.source)

    def fps(self, names: Sequence[str]) -> float | None:
        """Timed frames over their seconds; None without any."""
        times = [np.ravel(self.times[name]) for name in names if name in self.times]
        known = np.concatenate(times) if times else np.zeros(0)
        known = known[known > 0]
        return float(len(known) / known.sum()) if len(known) else None
