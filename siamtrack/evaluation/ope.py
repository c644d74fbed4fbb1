"""One-pass evaluation: boxes of a tracker against the truth, by any protocol."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from siamtrack.evaluation.block import Counts, blocks
from siamtrack.evaluation.memory import keep_freed_memory
from siamtrack.evaluation.protocols import Protocol
from siamtrack.evaluation.results import ResultError, TrackerResults
from siamtrack.evaluation.scores import Scores
from siamtrack.evaluation.truth import Array, Mask, Truth, attributes_of

__all__ = ["Array", "Mask", "OnePass", "Truth"]

log = logging.getLogger(__name__)


class OnePass:
    """The truth of a benchmark made ready for a protocol; scores any number of trackers.

    Sequences are laid end to end once, in blocks of bounded size; a tracker is then scored in a handful of array
    operations a block.

    Args:
        truths: the sequences.
        protocol: as resolved for the benchmark.

    Raises:
        ValueError: no sequence, two of one name, or a truth the protocol refuses.
    """

    def __init__(self, truths: Sequence[Truth], protocol: Protocol) -> None:
        check_truths(truths, protocol)
        self.protocol = protocol
        self.names = tuple(truth.name for truth in truths)
        keep_freed_memory()
        self._blocks = blocks(truths, protocol)
        self._attributes = attributes_of(truths)

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
        total = Counts(*(sum(parts[1:], parts[0]) for parts in zip(*passes, strict=True)))
        hits = {"success": total.success, "precision": total.precision, "norm_precision": total.norm_precision}
        seconds, timed, rates = results.timing(self.names)
        return Scores(
            tracker=results.tracker,
            benchmark=benchmark,
            protocol=self.protocol,
            sequences=self.names,
            hits={name: h for name, h in hits.items() if h.shape[1]},
            frames=total.frames,
            overlap_sum=total.overlap_sum,
            overlap_frames=total.overlap_frames,
            seconds=seconds,
            timed=timed,
            rates=rates,
            attributes=self._attributes,
        )

    def _count(self, results: Sequence[Array], tracker: str) -> Counts:
        counted = [block.count(results[block.part], tracker) for block in self._blocks]
        return Counts(*map(np.concatenate, zip(*counted, strict=True)))


def check_truths(truths: Sequence[Truth], protocol: Protocol) -> None:
    """Refuse what cannot be scored, and warn of what a protocol needs and nobody said.

    Raises:
        ValueError: no sequence, or two of one name.
    """
    if not truths:
        raise ValueError("There is no sequence to evaluate on.")
    names = [truth.name for truth in truths]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Two sequences are called {twice[0]!r}; names decide which result belongs to which.")
    if protocol.invisible != "ignored" and all(truth.visible is None for truth in truths):
        log.warning("%s leaves absent frames out, and no sequence says which those are.", protocol.name)
