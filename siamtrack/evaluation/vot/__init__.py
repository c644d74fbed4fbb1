"""VOT's challenges: restarts, anchors and long-term, scored as pysot's toolkit and as the official one do.

>>> from siamtrack.evaluation import vot
>>> truths = [vot.VotTruth("ants1", vot.Regions.polygons(corners), (480, 360)), ...]
>>> found = vot.find_vot_trackers("results/VOT2018", [truth.name for truth in truths])
>>> scores = vot.evaluate_folders(truths, found, "pysot-vot", benchmark="VOT2018")
>>> scores[0].value("eao")
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from siamtrack.evaluation.vot.annotation import read_annotation
from siamtrack.evaluation.vot.files import read_run, write_run
from siamtrack.evaluation.vot.folders import find_vot_trackers, load_vot_results, run_file, save_run
from siamtrack.evaluation.vot.longterm import score_longterm
from siamtrack.evaluation.vot.multistart import score_multistart
from siamtrack.evaluation.vot.overlap import OVERLAPS, overlap_exact, overlap_official, overlap_pysot
from siamtrack.evaluation.vot.protocols import VOT_PROTOCOLS, VotProtocol, edition, protocols_for, resolve_vot
from siamtrack.evaluation.vot.regions import Regions
from siamtrack.evaluation.vot.scores import VotScores
from siamtrack.evaluation.vot.supervised import score_official, score_pysot
from siamtrack.evaluation.vot.truth import VotResults, VotRun, VotTruth

__all__ = [
    "OVERLAPS",
    "Regions",
    "VOT_PROTOCOLS",
    "VotProtocol",
    "VotResults",
    "VotRun",
    "VotScores",
    "VotTruth",
    "edition",
    "evaluate_folders",
    "evaluate_vot",
    "find_vot_trackers",
    "load_vot_results",
    "overlap_exact",
    "overlap_official",
    "overlap_pysot",
    "protocols_for",
    "read_annotation",
    "read_run",
    "resolve_vot",
    "run_file",
    "save_run",
    "write_run",
]

log = logging.getLogger(__name__)

RUNS = 15  # of a stochastic tracker, as the challenge asks

_Scorer = Callable[[Sequence[VotTruth], VotResults, VotProtocol, str], VotScores]
_SCORERS: dict[tuple[str, str], _Scorer] = {
    ("pysot-vot", "supervised"): score_pysot,
    ("vot-toolkit", "supervised"): score_official,
    ("vot-toolkit", "multistart"): score_multistart,
    ("pysot-vot", "longterm"): score_longterm,
    ("vot-toolkit", "longterm"): score_longterm,
}


def evaluate_vot(
    truths: Sequence[VotTruth],
    results: Iterable[VotResults],
    protocol: str | VotProtocol = "",
    *,
    benchmark: str,
) -> list[VotScores]:
    """Score trackers on one edition of VOT.

    Args:
        truths: the sequences to score on.
        results: one per tracker.
        protocol: ``pysot-vot`` or ``vot-toolkit``; empty for the edition's default; or a resolved protocol.
        benchmark: the edition (``VOT2018``), which decides experiment and interval and stands in rows and tables.

    Raises:
        ResultError: a result is missing or cannot be scored.
        ValueError: no edition of VOT, or an unknown protocol.
    """
    rules = _rules(protocol, benchmark)
    score = _SCORERS[rules.name, rules.experiment]
    scores = [score(truths, result, rules, benchmark) for result in results]
    if rules.interval and any(math.isnan(one.value("eao")) for one in scores):
        longest = max(len(truth.regions) for truth in truths)
        log.warning(
            "%s: no expected average overlap, which is that of sequences of %d to %d frames; the longest here has %d.",
            benchmark, *rules.interval, longest,
        )  # fmt: skip
    return scores


def evaluate_folders(
    truths: Sequence[VotTruth], folders: Mapping[str, Path], protocol: str = "", *, benchmark: str
) -> list[VotScores]:
    """As :func:`evaluate_vot`, of results in folders, by tracker (:func:`find_vot_trackers`).

    ``pysot-vot`` scores the runs that pysot reads: all where there are 15, otherwise the first.
    """
    rules = _rules(protocol, benchmark)
    names = [truth.name for truth in truths]
    loaded = [load_vot_results(folder, names, rules.experiment, tracker) for tracker, folder in folders.items()]
    if rules.name == "pysot-vot":
        loaded = [_as_pysot_reads(results, rules.experiment) for results in loaded]
    return evaluate_vot(truths, loaded, rules, benchmark=benchmark)


def _rules(protocol: str | VotProtocol, benchmark: str) -> VotProtocol:
    if isinstance(protocol, VotProtocol):
        return protocol
    about = edition(benchmark)
    if about is None:
        raise ValueError(f"{benchmark!r} is no edition of VOT; VOT2016, VOT2018, VOT2019, ... are.")
    return resolve_vot(protocol, about)


def _as_pysot_reads(results: VotResults, experiment: str) -> VotResults:
    """The runs that pysot would take: 15 of a supervised experiment, or else one."""
    most = max(map(len, results.runs.values()))
    if most == 1:
        return results
    runs = {
        name: found if experiment == "supervised" and len(found) == RUNS else found[:1]
        for name, found in results.runs.items()
    }
    if most != RUNS or experiment != "supervised":
        log.warning(
            "%s: up to %d runs a sequence, of which pysot averages %d or takes one: the first is scored. "
            "vot-toolkit averages all.", results.tracker, most, RUNS,
        )  # fmt: skip
    return VotResults(results.tracker, runs, results.times, results.source)
