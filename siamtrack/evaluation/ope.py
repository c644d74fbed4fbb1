"""One-pass evaluation: boxes of a tracker against the truth, by any protocol.

All sequences are laid end to end once (:class:`OnePass`), and each tracker is then scored in a handful of array
operations, whatever the protocol.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from siamtrack.evaluation import overlap
from siamtrack.evaluation.protocols import Protocol
from siamtrack.evaluation.results import ResultError, TrackerResults
from siamtrack.evaluation.scores import Scores

log = logging.getLogger(__name__)

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of one sequence, in the numbers of the benchmark's own annotation file.

    Attributes:
        name: of the sequence.
        boxes: ``[F, 4]`` float64 x, y, w, h; NaN or zeros where the file has them.
        visible: ``[F]`` bool, or ``None`` where the benchmark does not say.
        cover: ``[F]`` GOT-10k's ``cover.label`` 0..8, or ``None``.
        resolution: (width, height) of the frames in px; GOT-10k needs it.
        attributes: names of the challenges this sequence is tagged with.

    Raises:
        ValueError: boxes, ``visible`` or ``cover`` have the wrong shape.
    """

    name: str
    boxes: Array
    visible: Mask | None = None
    cover: NDArray | None = None
    resolution: tuple[int, int] | None = None
    attributes: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes, np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
            raise ValueError(f"Sequence {self.name}: true boxes should be [frames, 4], these are {list(boxes.shape)}.")
        object.__setattr__(self, "boxes", boxes)
        for name in ("visible", "cover"):
            flags = getattr(self, name)
            if flags is not None and np.shape(flags) != (len(boxes),):
                raise ValueError(
                    f"Sequence {self.name}: {name} should have one entry for each of {len(boxes)} frames, "
                    f"it has shape {list(np.shape(flags))}."
                )


class OnePass:
    """The truth of a benchmark made ready for a protocol; scores any number of trackers.

    Args:
        truths: the sequences.
        protocol: as resolved for the benchmark.

    Raises:
        ValueError: no sequence, two of one name, or a truth the protocol refuses.
    """

    def __init__(self, truths: Sequence[Truth], protocol: Protocol) -> None:
        if not truths:
            raise ValueError("There is no sequence to evaluate on.")
        self.protocol = protocol
        self.names = tuple(truth.name for truth in truths)
        if len(set(self.names)) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise ValueError(f"Two sequences are called {twice[0]!r}; names decide which result belongs to which.")
        self._lengths = np.array([len(truth.boxes) for truth in truths])
        self._starts = np.concatenate([[0], self._lengths[:-1].cumsum()])
        self._sequence = np.repeat(np.arange(len(truths)), self._lengths)
        self._boxes = _columns(np.concatenate([truth.boxes for truth in truths]))
        self._nan = np.isnan(self._boxes).any(1)
        if protocol.nan_truth == "error" and self._nan.any():
            frame = int(self._nan.argmax())
            name, row = self.names[self._sequence[frame]], frame - self._starts[self._sequence[frame]] + 1
            raise ValueError(
                f"Sequence {name}: true box {row} has NaN, which {protocol.name} allows for UAV123 only. "
                "Name the benchmark, or take another protocol."
            )
        if protocol.invisible != "ignored" and all(truth.visible is None for truth in truths):
            log.warning("%s leaves absent frames out, and no sequence says which those are.", protocol.name)
        shown = [np.ones(len(t.boxes), bool) if t.visible is None else t.visible for t in truths]
        self._visible: Mask = np.concatenate(shown).astype(bool)
        self._valid, self._valid_center = self._validity()
        self._kept = self._keep()
        self._attributes = {
            tag: frozenset(truth.name for truth in truths if tag in truth.attributes)
            for tag in sorted(frozenset().union(*(truth.attributes for truth in truths)))
        }

    def _validity(self) -> tuple[Mask, Mask]:
        """Frames whose overlap, and whose centre error, are computed from the boxes."""
        protocol, boxes = self.protocol, self._boxes
        columns = {"size": boxes[:, 2:], "positive": boxes, "all": boxes[:, :0]}[protocol.valid]
        valid: Mask = np.all(columns > 0, 1)
        if protocol.invisible == "invalid":
            valid &= self._visible
        if protocol.valid_center == "center":
            return valid, np.all(overlap.centers(boxes) > 0, 1)
        return valid, valid

    def _keep(self) -> Mask:
        """Frames that are counted at all."""
        kept = np.ones(len(self._boxes), bool)
        if self.protocol.nan_truth == "dropped":
            kept &= ~self._nan
        if self.protocol.invisible == "dropped":
            kept &= self._visible
        return kept

    def score(self, results: TrackerResults, benchmark: str = "") -> Scores:
        """Score one tracker.

        Several runs of a sequence are pooled, which is the average over runs.

        Raises:
            ResultError: a sequence has no result, or one the protocol refuses.
        """
        runs = [results.runs(name, self.names) for name in self.names]
        most = max(map(len, runs))
        for name, found in zip(self.names, runs, strict=True):
            if len(found) != most:
                raise ResultError(
                    f"{results.tracker}: sequence {name} has {len(found)} runs and others have {most}; "
                    f"{self.protocol.name} averages over runs and needs the same number for all."
                )
        passes = [self._count([found[i] for found in runs], results.tracker) for i in range(most)]
        total = [sum(parts[1:], parts[0]) for parts in zip(*passes, strict=True)]
        success, precision, norm_precision, frames, overlap_sum, overlap_frames = total
        hits = {"success": success, "precision": precision, "norm_precision": norm_precision}
        seconds, timed, rates = results.timing(self.names)
        return Scores(
            tracker=results.tracker,
            benchmark=benchmark,
            protocol=self.protocol,
            sequences=self.names,
            hits={name: h for name, h in hits.items() if h.shape[1]},
            frames=frames,
            overlap_sum=overlap_sum,
            overlap_frames=overlap_frames,
            seconds=seconds,
            timed=timed,
            rates=rates,
            attributes=self._attributes,
        )

    def _count(self, results: Sequence[Array], tracker: str) -> tuple[NDArray, ...]:
        protocol, truth, count = self.protocol, self._boxes, len(self.names)
        boxes, covered = self._lay_out(results, tracker)
        self._repair(boxes, covered)
        if protocol.first == "truth":
            boxes[self._starts] = truth[self._starts]
        ious = overlap.OVERLAPS[protocol.overlap](boxes, truth)
        errors = overlap.center_error(boxes, truth)
        ious[~self._valid] = -1.0
        errors[~self._valid_center] = protocol.invalid_error
        kept = self._kept & covered if protocol.shorter in ("cut", "miss") else self._kept
        counted = None if kept.all() else kept
        success = overlap.hits_above(ious, protocol.thresholds("success"), self._sequence, count, counted)
        precision = overlap.hits_within(errors, protocol.thresholds("precision"), self._sequence, count, counted)
        norm_precision = np.zeros((count, 0), np.int64)
        if protocol.norm_grid:
            errors = self._normalized_errors(boxes)
            grid = protocol.thresholds("norm_precision")
            norm_precision = overlap.hits_within(errors, grid, self._sequence, count, counted)
        scored = kept & self._valid & ~np.isnan(ious)
        overlap_sum = np.bincount(self._sequence[scored], ious[scored], count)
        overlap_frames = np.bincount(self._sequence[scored], minlength=count).astype(np.float64)
        return success, precision, norm_precision, self._denominator(kept), overlap_sum, overlap_frames

    def _normalized_errors(self, boxes: Array) -> Array:
        protocol, truth = self.protocol, self._boxes
        errors = overlap.NORMALIZED_ERRORS[protocol.norm_error](boxes, truth)
        valid = self._valid
        if protocol.valid_center == "center":
            # pysot asks whether the normalised centre is positive, which differs where the sides are not
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                valid = np.all(overlap.centers(truth) / (truth[:, 2:] + 1e-16) > 0, 1)
        errors[~valid] = protocol.invalid_norm_error
        if protocol.invisible == "invalid":
            errors[~self._visible] = np.inf
        return errors

    def _denominator(self, kept: Mask) -> Array:
        if self.protocol.denominator == "frames":
            return self._lengths.astype(np.float64)
        counted = kept if self.protocol.denominator == "kept" else self._valid
        frames = np.bincount(self._sequence[counted], minlength=len(self.names)).astype(np.float64)
        if not frames.all():
            name = self.names[int((frames == 0).argmax())]
            raise ValueError(f"Sequence {name}: {self.protocol.name} finds no frame to score; leave the sequence out.")
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
        protocol = self.protocol
        for name, length, boxes in zip(self.names, self._lengths, results, strict=True):
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
        rule = self.protocol.repair
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


_LENGTH_RULES = {
    "cut": "both are cut to the shorter.",
    "zeros": "the missing ones are scored as empty boxes.",
    "miss": "the missing ones count as misses.",
}


def _columns(boxes: Array) -> Array:
    """The same ``[N, 4]`` boxes with contiguous columns, which is what the arithmetic runs over."""
    contiguous: Array = np.ascontiguousarray(boxes.T).T
    return contiguous
