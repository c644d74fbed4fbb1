"""What differs between evaluation toolkits, as data.

A :class:`Protocol` says everything that turns boxes into numbers; ``PROTOCOLS`` is the table of the toolkits in use and
``VARIANTS`` what a toolkit does otherwise on one benchmark. ``resolve("pysot", "LaSOT-test")`` puts both together.
Scores of different protocols cannot be compared; every :class:`~siamtrack.evaluation.scores.Scores` carries its own.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Curve = Literal["success", "precision", "norm_precision", "overlap"]

# The threshold grids are equal on paper and differ in the last bit, which decides integer boxes.
OVERLAP_GRID = tuple((np.arange(21) * 0.05).tolist())  # numpy's arange and linspace
OVERLAP_GRID_TORCH = tuple(math.nextafter(t, 2.0) if i in (13, 15) else t for i, t in enumerate(OVERLAP_GRID))
OVERLAP_GRID_MATLAB = tuple(i * 0.05 if i <= 10 else 1 - (20 - i) * 0.05 for i in range(21))  # built from both ends
OVERLAP_GRID_FINE = tuple(np.linspace(0, 1, 101).tolist())
PIXEL_GRID = tuple(map(float, range(51)))
SIDES_GRID = tuple(i / 100 for i in range(51))
SIDES_GRID_LINSPACE = tuple(np.linspace(0, 0.5, 51).tolist())


@dataclass(frozen=True)
class Metric:
    """One number read from a curve.

    Attributes:
        name: as in rows and result tables (``precision@20``).
        label: as in headings.
        curve: which curve; ``overlap`` is the mean overlap itself.
        at: index of the threshold at which the curve is read; ``None``: mean over all thresholds.
        scale: 100 where the toolkit reports per cent.
    """

    name: str
    label: str
    curve: Curve
    at: int | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class Protocol:
    """How one toolkit turns boxes into numbers.

    Attributes:
        name: ``pysot``, ``got10k``, ...
        source: the code that defines it.
        metrics: what it reports.
        overlap: arithmetic of the overlap, a key of ``overlap.OVERLAPS``.
        norm_error: arithmetic of the normalised error, a key of ``overlap.NORMALIZED_ERRORS``.
        success_grid: overlap thresholds, hit when ``overlap > t``.
        precision_grid: centre error thresholds in px, hit when ``error <= t``.
        norm_grid: thresholds in sides of the true box; empty: the toolkit has no such curve.
        first: the first row of a result is ``scored`` as it is, replaced by the ``truth``, or ``dropped``.
        longer: a result with more rows than the truth is ``cut``, or an ``error``.
        shorter: one with fewer rows is an ``error``; continued with ``zeros``; its missing frames count as a ``miss``;
            or the truth is ``cut`` as well.
        repair: rows that take over the row before them: none; ``zero_size`` (w or h is 0); ``bad_size`` (w or h <= 0,
            or all four NaN); ``bad_any`` (w or h <= 0, or any NaN).
        strict: NaN or negative sizes in a result are an error.
        valid: which true boxes can be hit: those with ``w, h > 0`` (``size``), with all four > 0 (``positive``), or
            ``all``.
        valid_center: ``box`` as ``valid``; ``center`` where both coordinates of the true centre are > 0.
        nan_truth: frames whose truth has NaN are ``invalid``, ``dropped``, or an ``error``.
        invisible: frames marked not visible: the mark is ``ignored``; they are ``dropped``; or ``invalid``, with an
            infinite normalised error.
        invalid_error: centre error of an invalid frame: -1 counts as precise at every threshold, inf never.
        invalid_norm_error: the same for the normalised error.
        denominator: hits are divided by all ``frames`` of the sequence, by those ``kept``, or by the ``valid`` ones.
        guard: added to the denominator.
        single: curves are rounded to float32.
        skip_zero_curves: sequences without a single hit are left out of the average.
        average: over ``sequences`` (each weighs the same) or over ``frames``.
        bounded: boxes are cut to the frame and frames without cover left out (GOT-10k).
        speed: frames per second as ``total`` (frames / seconds) or as mean of the ``rates`` 1 / t.
    """

    name: str
    source: str
    metrics: tuple[Metric, ...]
    overlap: str
    norm_error: str
    success_grid: tuple[float, ...] = OVERLAP_GRID
    precision_grid: tuple[float, ...] = PIXEL_GRID
    norm_grid: tuple[float, ...] = SIDES_GRID
    first: Literal["scored", "truth", "dropped"] = "truth"
    longer: Literal["cut", "error"] = "cut"
    shorter: Literal["error", "zeros", "miss", "cut"] = "error"
    repair: Literal["none", "zero_size", "bad_size", "bad_any"] = "none"
    strict: bool = False
    valid: Literal["size", "positive", "all"] = "positive"
    valid_center: Literal["box", "center"] = "box"
    nan_truth: Literal["invalid", "dropped", "error"] = "invalid"
    invisible: Literal["ignored", "dropped", "invalid"] = "ignored"
    invalid_error: float = -1.0
    invalid_norm_error: float = -1.0
    denominator: Literal["frames", "kept", "valid"] = "frames"
    guard: float = 0.0
    single: bool = False
    skip_zero_curves: bool = False
    average: Literal["sequences", "frames"] = "sequences"
    bounded: bool = False
    speed: Literal["total", "rates"] = "total"

    def thresholds(self, curve: str) -> np.ndarray:
        """``[T]`` float64 thresholds of ``success``, ``precision`` or ``norm_precision``."""
        grids = {
            "success": self.success_grid,
            "precision": self.precision_grid,
            "norm_precision": self.norm_grid,
        }
        return np.asarray(grids[curve], np.float64)

    def metric(self, name: str) -> Metric:
        """The metric of that name.

        Raises:
            ValueError: this protocol does not report it.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        known = ", ".join(m.name for m in self.metrics)
        raise ValueError(f"protocol {self.name} reports no metric {name!r}; it reports {known}.")


_SUCCESS = Metric("success", "Success", "success")
_PRECISION = Metric("precision@20", "Precision", "precision", at=20)
_NORM_PRECISION = Metric("norm_precision@0.2", "Norm. precision", "norm_precision", at=20)

_PYTRACKING = Protocol(
    name="pytracking",
    source="visionml/pytracking pytracking/analysis/extract_results.py, exclude_invalid_frames off",
    metrics=(
        Metric("auc_percent", "AUC %", "success", scale=100.0),
        Metric("op50_percent", "OP50 %", "success", at=10, scale=100.0),
        Metric("op75_percent", "OP75 %", "success", at=15, scale=100.0),
        Metric("precision_percent", "Precision %", "precision", at=20, scale=100.0),
        Metric("norm_precision_percent", "Norm. precision %", "norm_precision", at=20, scale=100.0),
    ),
    overlap="pixel",
    norm_error="separate",
    success_grid=OVERLAP_GRID_TORCH,
    shorter="zeros",
    repair="zero_size",
    strict=True,
    nan_truth="error",
    invalid_error=math.inf,
    single=True,
)

_MATLAB_OTB = Protocol(
    name="matlab-otb",
    source="MATLAB OTB kit, util/calcSeqErrRobust.m and genPerfMat.m; also UAV123 and DTB70",
    metrics=(_SUCCESS, _PRECISION),
    overlap="pixel",
    norm_error="separate",
    success_grid=OVERLAP_GRID_MATLAB,
    norm_grid=(),
    shorter="miss",
    repair="bad_size",
    guard=float(np.finfo(np.float64).eps),
    skip_zero_curves=True,
)

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="pysot",
            source="STVIR/pysot toolkit/evaluation/ope_benchmark.py",
            metrics=(_SUCCESS, _PRECISION, _NORM_PRECISION),
            overlap="continuous",
            norm_error="separate_guarded",
            first="scored",
            valid="size",
            valid_center="center",
        ),
        Protocol(
            name="got10k",
            source="got-10k/toolkit got10k/experiments",
            metrics=(
                _SUCCESS,
                Metric("success_rate@0.5", "SR 0.5", "success", at=10),
                _PRECISION,
                Metric("norm_precision_mean", "Norm. precision (mean)", "norm_precision"),
            ),
            overlap="guarded",
            norm_error="difference",
            norm_grid=SIDES_GRID_LINSPACE,
            shorter="cut",
            valid="all",
            denominator="kept",
            speed="rates",
        ),
        _PYTRACKING,
        dataclasses.replace(
            _PYTRACKING,
            name="pytracking-valid",
            source="visionml/pytracking pytracking/analysis/extract_results.py, exclude_invalid_frames on",
            denominator="valid",
        ),
        dataclasses.replace(
            _MATLAB_OTB,
            name="official",
            source="HengLan/LaSOT_Evaluation_Toolkit utils/calc_seq_err_robust.m and eval_tracker.m",
            metrics=(_SUCCESS, _PRECISION, _NORM_PRECISION),
            norm_grid=SIDES_GRID,
            shorter="error",
            repair="bad_any",
            invisible="dropped",
        ),
        _MATLAB_OTB,
    )
}

# What a toolkit does otherwise on the benchmarks of one family.
_LASOT_PYTRACKING: dict[str, Any] = {"shorter": "error", "invisible": "invalid"}
VARIANTS: dict[tuple[str, str], dict[str, Any]] = {
    ("pysot", "lasot"): {"invisible": "dropped"},
    ("got10k", "uav"): {"nan_truth": "dropped"},
    ("got10k", "lasot"): {"nan_truth": "dropped"},
    ("got10k", "got10k"): {
        "metrics": (
            Metric("ao", "AO", "overlap"),
            Metric("sr50", "SR 0.5", "success", at=50),
            Metric("sr75", "SR 0.75", "success", at=75),
        ),
        "success_grid": OVERLAP_GRID_FINE,
        "first": "dropped",
        "longer": "error",
        "shorter": "error",
        "average": "frames",
        "bounded": True,
    },
    ("pytracking", "uav"): {"nan_truth": "invalid", "invalid_error": -1.0},
    ("pytracking-valid", "uav"): {"nan_truth": "invalid", "invalid_error": -1.0},
    ("pytracking", "lasot"): _LASOT_PYTRACKING,
    ("pytracking-valid", "lasot"): _LASOT_PYTRACKING,
}


@dataclass(frozen=True)
class Benchmark:
    """A benchmark as far as scoring cares: the family whose variants hold, and the protocol papers use for it."""

    name: str
    family: str
    protocol: str


BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark("OTB100", "otb", "pysot"),
    Benchmark("OTB2013", "otb", "pysot"),
    Benchmark("OTB50", "otb", "pysot"),
    Benchmark("UAV123", "uav", "pysot"),
    Benchmark("UAV123@10fps", "uav", "pysot"),
    Benchmark("UAV20L", "uav", "pysot"),
    Benchmark("LaSOT-test", "lasot", "official"),
    Benchmark("LaSOT-ext", "lasot", "official"),
    Benchmark("LaSOT", "lasot", "official"),
    Benchmark("GOT-10k", "got10k", "got10k"),
    Benchmark("NFS30", "nfs", "pytracking"),
    Benchmark("NFS240", "nfs", "pytracking"),
    Benchmark("TC128", "tc128", "got10k"),
    Benchmark("TColor128", "tc128", "got10k"),
    Benchmark("DTB70", "dtb70", "pysot"),
)


def _key(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def benchmark(name: str) -> Benchmark:
    """The benchmark of that name, case and punctuation aside; the longest name it begins with (``got10k/val``).

    Any other name is a benchmark without habits of its own, scored with ``pysot``.
    """
    fitting = [b for b in BENCHMARKS if _key(name).startswith(_key(b.name))]
    return max(fitting, key=lambda b: len(b.name), default=Benchmark(name, "", "pysot"))


def resolve(name: str = "", benchmark_name: str = "") -> Protocol:
    """The protocol as it holds for a benchmark.

    Args:
        name: a key of ``PROTOCOLS``; empty: the benchmark's default.
        benchmark_name: for the variants; empty: none of them.

    Raises:
        ValueError: no such protocol; the nearest is named.
    """
    about = benchmark(benchmark_name)
    name = name or about.protocol
    if name not in PROTOCOLS:
        near = difflib.get_close_matches(name, PROTOCOLS, 1, 0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"There is no evaluation protocol {name!r}.{hint} Known: {', '.join(PROTOCOLS)}.")
    return dataclasses.replace(PROTOCOLS[name], **VARIANTS.get((name, about.family), {}))
