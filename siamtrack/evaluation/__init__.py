"""From result files to numbers, tables and plots, without torch.

>>> from siamtrack import evaluation
>>> truths = [evaluation.Truth("Basketball", true_boxes), ...]
>>> frames = {truth.name: len(truth.boxes) for truth in truths}
>>> found = evaluation.find_trackers("results/OTB100", list(frames))
>>> results = [evaluation.load_results(folder, frames, name) for name, folder in found.items()]
>>> scores = evaluation.evaluate_all(truths, results, "pysot", benchmark="OTB100")
>>> evaluation.rows(scores)[0]
{'tracker': 'SiamBAN', 'benchmark': 'OTB100', 'protocol': 'pysot', 'metric': 'success', 'value': 0.696...}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from siamtrack.evaluation.folders import boxes_file, find_trackers, load_results, times_file, tracker_folder
from siamtrack.evaluation.formats import read_boxes, read_times, write_boxes, write_times
from siamtrack.evaluation.got10k import evaluate_val
from siamtrack.evaluation.ope import Array, OnePass, Truth
from siamtrack.evaluation.protocols import BENCHMARKS, PROTOCOLS, Protocol, benchmark, resolve
from siamtrack.evaluation.report.rows import rows, write_rows
from siamtrack.evaluation.results import ResultError, TrackerResults
from siamtrack.evaluation.scores import Scores

__all__ = [
    "BENCHMARKS",
    "OnePass",
    "PROTOCOLS",
    "Protocol",
    "ResultError",
    "Scores",
    "TrackerResults",
    "Truth",
    "benchmark",
    "boxes_file",
    "evaluate",
    "evaluate_all",
    "find_trackers",
    "load_results",
    "read_boxes",
    "read_times",
    "resolve",
    "rows",
    "times_file",
    "tracker_folder",
    "write_boxes",
    "write_rows",
    "write_times",
]


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
    rules = resolve(protocol, benchmark) if isinstance(protocol, str) else protocol
    if rules.bounded:
        return [evaluate_val(truths, result, rules, benchmark) for result in results]
    one_pass = OnePass(truths, rules)
    return [one_pass.score(result, benchmark) for result in results]


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
