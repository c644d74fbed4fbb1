"""From result files to numbers, tables and plots, without torch.

>>> from siamtrack import evaluation
>>> truths = [evaluation.Truth("Basketball", true_boxes), ...]
>>> found = evaluation.find_trackers("results/OTB100", [truth.name for truth in truths])
>>> scores = evaluation.evaluate_folders(truths, found, "pysot", benchmark="OTB100")
>>> evaluation.rows(scores)[0]
{'tracker': 'SiamBAN', 'benchmark': 'OTB100', 'protocol': 'pysot', 'metric': 'success', 'value': 0.696...}
"""

from __future__ import annotations

from siamtrack.evaluation.folders import boxes_file, find_trackers, load_results, times_file, tracker_folder
from siamtrack.evaluation.formats import read_boxes, read_times, write_boxes, write_times
from siamtrack.evaluation.ope import OnePass
from siamtrack.evaluation.protocols import BENCHMARKS, PROTOCOLS, Protocol, benchmark, resolve
from siamtrack.evaluation.report.rows import rows, write_rows
from siamtrack.evaluation.results import ResultError, TrackerResults
from siamtrack.evaluation.scores import Scores
from siamtrack.evaluation.scoring import evaluate, evaluate_all, evaluate_folders
from siamtrack.evaluation.truth import Truth

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
    "evaluate_folders",
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
