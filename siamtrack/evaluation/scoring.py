"""Scoring trackers: from boxes in memory, or from folders of files, of which those seen before are not read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from siamtrack.evaluation import cache
from siamtrack.evaluation.folders import ResultFiles, parse_results, result_files
from siamtrack.evaluation.formats import read_bytes
from siamtrack.evaluation.got10k import evaluate_val
from siamtrack.evaluation.ope import OnePass, check_truths
from siamtrack.evaluation.protocols import Protocol, resolve
from siamtrack.evaluation.results import TrackerResults
from siamtrack.evaluation.scores import Scores
from siamtrack.evaluation.truth import Array, Truth, attributes_of

_NUMBERS = ("frames", "overlap_sum", "overlap_frames", "seconds", "timed", "rates")


def evaluate_all(
    truths: Sequence[Truth],
    results: Iterable[TrackerResults],
    protocol: str | Protocol = "",
    *,
    benchmark: str = "",
) -> list[Scores]:
    """Score trackers on one benchmark.

    Args:
        truths: the sequences to score on; results for others are ignored.
        results: one per tracker.
        protocol: its name, empty for the benchmark's default, or a resolved protocol.
        benchmark: its name; decides the variant of the protocol and stands in rows and tables.

    Raises:
        ResultError: a result is missing or cannot be scored.
        ValueError: an unknown protocol, or a truth that the protocol refuses.
    """
    scorer = _Scorer(truths, protocol, benchmark)
    return [scorer.score(result) for result in results]


def evaluate(
    truths: Sequence[Truth],
    results: TrackerResults | Mapping[str, Array],
    protocol: str | Protocol = "",
    *,
    benchmark: str = "",
) -> Scores:
    """Score one tracker, given by its results or by ``{sequence: [F, 4]}``; otherwise as :func:`evaluate_all`."""
    given = results if isinstance(results, TrackerResults) else TrackerResults.of("tracker", results)
    return evaluate_all(truths, [given], protocol, benchmark=benchmark)[0]


def evaluate_folders(
    truths: Sequence[Truth],
    folders: Mapping[str, Path],
    protocol: str | Protocol = "",
    *,
    benchmark: str = "",
) -> list[Scores]:
    """Score trackers from their result files; otherwise as :func:`evaluate_all`.

    Files with the contents of files that were scored before are not parsed again (:mod:`siamtrack.evaluation.cache`).
    What was warned of is not kept, so that it is said every time.

    Args:
        truths: as :func:`evaluate_all`.
        folders: tracker -> its folder, as :func:`siamtrack.evaluation.find_trackers` gives them.
        protocol: as :func:`evaluate_all`.
        benchmark: likewise.
    """
    scorer = _Scorer(truths, protocol, benchmark)
    return [scorer.score_files(tracker, folder) for tracker, folder in folders.items()]


class _Scorer:
    """Truth and protocol, made ready when the first tracker needs it."""

    def __init__(self, truths: Sequence[Truth], protocol: str | Protocol, benchmark: str) -> None:
        self._truths = truths
        self._protocol = resolve(protocol, benchmark) if isinstance(protocol, str) else protocol
        self._benchmark = benchmark
        self._one_pass: OnePass | None = None
        self._frames = {truth.name: len(truth.boxes) for truth in truths}
        self._about: list[bytes] = []
        self._checked = False

    def score(self, results: TrackerResults) -> Scores:
        if self._protocol.bounded:
            return evaluate_val(self._truths, results, self._protocol, self._benchmark)
        if self._one_pass is None:
            self._one_pass = OnePass(self._truths, self._protocol)
        return self._one_pass.score(results, self._benchmark)

    def score_files(self, tracker: str, folder: Path) -> Scores:
        files = result_files(folder, list(self._frames))
        contents = [read_bytes(path) for path in files.all()]
        key = self._key(files, contents)
        kept = cache.load(key)
        if kept is not None:
            return self._restored(tracker, kept)
        results = parse_results(files, contents, self._frames, tracker)
        scores = self.score(results)
        if results.whole:
            cache.save(key, {**{f"hits {curve}": hits for curve, hits in scores.hits.items()}, **_numbers(scores)})
        return scores

    def _key(self, files: ResultFiles, contents: Sequence[bytes]) -> str:
        if not self._about:
            self._about = [repr(self._protocol).encode(), *_identity(self._truths)]
        names = [f"{name} {run}" for name, runs in sorted(files.boxes.items()) for run in sorted(runs)]
        names += [f"{name} time" for name in sorted(files.times)]
        return cache.key([*self._about, "\n".join(names).encode(), *contents])

    def _restored(self, tracker: str, kept: Mapping[str, np.ndarray]) -> Scores:
        """Scores as they were when they were kept, under the tracker's present name."""
        if self._one_pass is None and not self._checked:
            check_truths(self._truths, self._protocol)
            self._checked = True
        return Scores(
            tracker=tracker,
            benchmark=self._benchmark,
            protocol=self._protocol,
            sequences=tuple(self._frames),
            hits={name.removeprefix("hits "): array for name, array in kept.items() if name.startswith("hits ")},
            attributes=attributes_of(self._truths),
            **{name: kept[name] for name in _NUMBERS},
        )


def _numbers(scores: Scores) -> dict[str, np.ndarray]:
    return {name: getattr(scores, name) for name in _NUMBERS}


def _identity(truths: Sequence[Truth]) -> Iterator[bytes]:
    """Everything of the truth that scores follow from."""
    for truth in truths:
        flags = [
            b"" if array is None else np.asarray(array, np.int8).tobytes() for array in (truth.visible, truth.cover)
        ]
        yield from (repr((truth.name, truth.resolution)).encode(), truth.boxes.tobytes(), *flags)
