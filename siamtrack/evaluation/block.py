"""Some sequences laid end to end, with everything made ready that a protocol reads from the truth alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamtrack.evaluation import overlap
from siamtrack.evaluation.protocols import Protocol
from siamtrack.evaluation.results import ResultError
from siamtrack.evaluation.thresholds import hits_above, hits_within
from siamtrack.evaluation.truth import Array, Mask, Truth

log = logging.getLogger(__name__)

# Frames in a block: some megabytes of intermediate results, which stay with the process (siamtrack.evaluation.memory).
FRAMES = 30_000

_LENGTH_RULES = {
    "cut": "both are cut to the shorter.",
    "zeros": "the missing ones are scored as empty boxes.",
    "miss": "the missing ones count as misses.",
}


class Counts(NamedTuple):
    """What one run of a tracker on S sequences gives.

    Attributes:
        success: ``[S, T]`` frames above each overlap threshold.
        precision: ``[S, T]`` frames within each centre error.
        norm_precision: ``[S, T]`` frames within each normalised error; T is 0 where a protocol has none.
        frames: ``[S]`` what the three are divided by.
        overlap_sum: ``[S]`` overlaps of the scored frames, added up.
        overlap_frames: ``[S]`` how many those are.
    """

    success: NDArray[np.int64]
    precision: NDArray[np.int64]
    norm_precision: NDArray[np.int64]
    frames: Array
    overlap_sum: Array
    overlap_frames: Array


def blocks(truths: Sequence[Truth], protocol: Protocol) -> list[Block]:
    """All sequences, in order, in blocks of some ``FRAMES`` frames; a longer sequence is a block of its own."""
    made: list[Block] = []
    start = frames = 0
    for end, truth in enumerate(truths, 1):
        frames += len(truth.boxes)
        if frames >= FRAMES or end == len(truths):
            made.append(Block(truths[start:end], slice(start, end), protocol))
            start, frames = end, 0
    return made


class Block:
    """Sequences laid end to end.

    Args:
        truths: the sequences.
        part: where they stand among all that are scored.
        protocol: as resolved for the benchmark.

    Raises:
        ValueError: a truth that the protocol refuses.
    """

    def __init__(self, truths: Sequence[Truth], part: slice, protocol: Protocol) -> None:
        self.part = part
        self._protocol = protocol
        self._names = [truth.name for truth in truths]
        self._lengths = np.array([len(truth.boxes) for truth in truths])
        self._starts = np.concatenate([[0], self._lengths[:-1].cumsum()])
        self._sequence = np.repeat(np.arange(len(truths)), self._lengths)
        self._boxes = _columns(np.concatenate([truth.boxes for truth in truths]))
        self._nan = np.isnan(self._boxes).any(1)
        if protocol.nan_truth == "error" and self._nan.any():
            frame = int(self._nan.argmax())
            name, row = self._names[self._sequence[frame]], frame - self._starts[self._sequence[frame]] + 1
            raise ValueError(
                f"Sequence {name}: true box {row} has NaN, which {protocol.name} allows for UAV123 only. "
                "Name the benchmark, or take another protocol."
            )
        shown = [np.ones(len(t.boxes), bool) if t.visible is None else t.visible for t in truths]
        self._visible: Mask = np.concatenate(shown).astype(bool)
        self._centers = overlap.centers(self._boxes)
        self._valid, self._valid_center = self._validity()
        self._valid_norm = self._norm_validity()
        self._kept = self._keep()

    # The truth ------------------------------------------------------------------------------------------------------

    def _validity(self) -> tuple[Mask, Mask]:
        """Frames whose overlap, and whose centre error, are computed from the boxes."""
        protocol, boxes = self._protocol, self._boxes
        columns = {"size": boxes[:, 2:], "positive": boxes, "all": boxes[:, :0]}[protocol.valid]
        valid: Mask = np.all(columns > 0, 1)
        if protocol.invisible == "invalid":
            valid &= self._visible
        if protocol.valid_center == "center":
            return valid, np.all(self._centers > 0, 1)
        return valid, valid

    def _norm_validity(self) -> Mask:
        """Frames whose normalised error is computed from the boxes."""
        if self._protocol.valid_center != "center":
            return self._valid
        # pysot asks whether the normalised centre is positive, which differs where the sides are not
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            positive: Mask = np.all(self._centers / (self._boxes[:, 2:] + 1e-16) > 0, 1)
        return positive

    def _keep(self) -> Mask:
        """Frames that are counted at all."""
        kept = np.ones(len(self._boxes), bool)
        if self._protocol.nan_truth == "dropped":
            kept &= ~self._nan
        if self._protocol.invisible == "dropped":
            kept &= self._visible
        return kept

    # A tracker ------------------------------------------------------------------------------------------------------

    def count(self, results: Sequence[Array], tracker: str) -> Counts:
        """Count the hits of one run.

        Args:
            results: ``[F, 4]`` boxes of each sequence.
            tracker: its name, for sentences.

        Raises:
            ResultError: a result that the protocol refuses.
            ValueError: a sequence without a frame to score.
        """
        protocol, truth, count = self._protocol, self._boxes, len(self._names)
        boxes, covered = self._lay_out(results, tracker)
        self._repair(boxes, covered)
        if protocol.first == "truth":
            boxes[self._starts] = truth[self._starts]
        ious = overlap.OVERLAPS[protocol.overlap](boxes, truth)
        centers = overlap.centers(boxes)
        errors = overlap.center_error(centers, self._centers)
        ious[~self._valid] = -1.0
        errors[~self._valid_center] = protocol.invalid_error
        kept = self._kept & covered if protocol.shorter in ("cut", "miss") else self._kept
        counted = None if kept.all() else kept
        success = hits_above(ious, protocol.thresholds("success"), self._sequence, count, counted)
        precision = hits_within(errors, protocol.thresholds("precision"), self._sequence, count, counted)
        norm_precision = np.zeros((count, 0), np.int64)
        if protocol.norm_grid:
            grid = protocol.thresholds("norm_precision")
            norm_precision = hits_within(self._normalized_errors(centers), grid, self._sequence, count, counted)
        scored = kept & self._valid & ~self._nan
        return Counts(
            success,
            precision,
            norm_precision,
            self._denominator(kept),
            np.add.reduceat(np.where(scored & ~np.isnan(ious), ious, 0.0), self._starts),  # what is no number: a miss
            np.add.reduceat(scored, self._starts, dtype=np.float64),
        )

    def _normalized_errors(self, centers: Array) -> Array:
        errors = overlap.NORMALIZED_ERRORS[self._protocol.norm_error](centers, self._centers, self._boxes[:, 2:])
        errors[~self._valid_norm] = self._protocol.invalid_norm_error
        if self._protocol.invisible == "invalid":
            errors[~self._visible] = np.inf
        return errors

    def _denominator(self, kept: Mask) -> Array:
        if self._protocol.denominator == "frames":
            return self._lengths.astype(np.float64)
        counted = kept if self._protocol.denominator == "kept" else self._valid
        frames: Array = np.add.reduceat(counted, self._starts, dtype=np.float64)
        if not frames.all():
            name = self._names[int((frames == 0).argmax())]
            raise ValueError(f"Sequence {name}: {self._protocol.name} finds no frame to score; leave the sequence out.")
        return frames

    def _lay_out(self, results: Sequence[Array], tracker: str) -> tuple[Array, Mask]:
        """Results end to end, each as long as its truth, and which frames they reach: ``[N, 4]``, ``[N]``."""
        self._check(results, tracker)
        lengths = np.array([len(boxes) for boxes in results])
        if (lengths == self._lengths).all():
            return _columns(np.concatenate(results)), np.ones(len(self._boxes), bool)
        laid, covered = _columns(np.zeros((len(self._boxes), 4))), np.zeros(len(self._boxes), bool)
        for start, length, boxes in zip(self._starts, self._lengths, results, strict=True):
            reach = min(length, len(boxes))
            laid[start : start + reach] = boxes[:reach]
            covered[start : start + reach] = True
        return laid, covered

    def _check(self, results: Sequence[Array], tracker: str) -> None:
        protocol = self._protocol
        for name, length, boxes in zip(self._names, self._lengths, results, strict=True):
            where = f"{tracker}, sequence {name}"
            if boxes.ndim != 2 or boxes.shape[1] != 4:
                raise ResultError(f"{where}: boxes should be [frames, 4], these are {list(boxes.shape)}.")
            rule = protocol.longer if len(boxes) > length else protocol.shorter
            if len(boxes) != length and rule == "error":
                raise ResultError(
                    f"{where}: {len(boxes)} boxes for {length} frames, which {protocol.name} refuses; "
                    "run the sequence again, or take a protocol that has a rule for it."
                )
            if len(boxes) != length:
                log.warning("%s: %d boxes for %d frames; %s", where, len(boxes), length, _LENGTH_RULES[rule])
            if protocol.strict and (np.isnan(boxes).any() or (boxes[:, 2:] < 0).any()):
                row = int((np.isnan(boxes).any(1) | (boxes[:, 2:] < 0).any(1)).argmax()) + 1
                raise ResultError(f"{where}: row {row} has NaN or a negative size, which {protocol.name} refuses.")

    def _repair(self, boxes: Array, covered: Mask) -> None:
        """Rows that cannot be boxes take over the row before them, in place; the first row of a sequence stays."""
        rule = self._protocol.repair
        if rule == "none":
            return
        if rule == "zero_size":
            bad = (boxes[:, 2:] == 0).any(1)
        else:
            nan = np.isnan(boxes)
            bad = (boxes[:, 2:] <= 0).any(1) | (nan.any(1) if rule == "bad_any" else nan.all(1))
        bad &= covered & ~self._nan
        bad[self._starts] = False
        if bad.any():
            source = np.maximum.accumulate(np.where(bad, 0, np.arange(len(boxes))))
            boxes[:] = boxes[source]


def _columns(boxes: Array) -> Array:
    """The same ``[N, 4]`` boxes with contiguous columns, which is what the arithmetic runs over."""
    contiguous: Array = np.ascontiguousarray(boxes.T).T
    return contiguous
