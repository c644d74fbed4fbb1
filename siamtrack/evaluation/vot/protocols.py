"""VOT's experiments and the two toolkits that score them, as data.

The challenge decides the experiment: restarts after every failure (``supervised``, to 2019), runs from anchor frames in
both directions (``multistart``, 2020 to 2022), or one pass with a confidence per frame (``longterm``). The protocol
decides the arithmetic: ``pysot-vot`` is pysot's toolkit, by which papers report, ``vot-toolkit`` the official one.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

Experiment = Literal["supervised", "multistart", "longterm"]
SKIP = 5  # frames left out after a failure, before the next initialisation
BURN_IN = 10  # frames from an initialisation on that do not count for accuracy
SENSITIVITY = 30  # of the robustness axis of AR plots: exp(-SENSITIVITY * failures / frames)
GRACE = 10  # multistart: frames in a row at or below THRESHOLD that make a failure
THRESHOLD = 0.1
RESOLUTION = 100  # longterm: points of the precision-recall curve


@dataclass(frozen=True)
class VotMetric:
    """One number that a protocol reports.

    Attributes:
        name: as in rows and result tables.
        label: as in headings.
        better: which way is better.
        scale: 1: numbers around one, printed with three decimals.
    """

    name: str
    label: str
    better: Literal["more", "less"] = "more"
    scale: float = 1.0


@dataclass(frozen=True)
class VotProtocol:
    """How a toolkit scores an experiment on one edition of the challenge.

    Attributes:
        name: ``pysot-vot`` or ``vot-toolkit``.
        source: the code that defines it.
        experiment: what the results are runs of.
        metrics: what it reports, the ranking one first.
        interval: first and last sequence length of the expected average overlap, frames; None for ``longterm``.
    """

    name: str
    source: str
    experiment: Experiment
    metrics: tuple[VotMetric, ...]
    interval: tuple[int, int] | None = None

    def metric(self, name: str) -> VotMetric:
        """The metric of that name.

        Raises:
            ValueError: this protocol does not report it.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        known = ", ".join(m.name for m in self.metrics)
        raise ValueError(f"protocol {self.name} reports no metric {name!r}; it reports {known}.")


_EAO = VotMetric("eao", "EAO")
_ACCURACY = VotMetric("accuracy", "Accuracy")
_LONGTERM = (VotMetric("f1", "F"), VotMetric("precision", "Precision"), VotMetric("recall", "Recall"))
_PYSOT, _OFFICIAL = "STVIR/pysot toolkit/evaluation", "votchallenge/toolkit vot/analysis"

# (protocol, experiment) -> where it is defined, what it reports
_RULES: dict[tuple[str, Experiment], tuple[str, tuple[VotMetric, ...]]] = {
    ("pysot-vot", "supervised"): (
        f"{_PYSOT}/ar_benchmark.py and eao_benchmark.py",
        (
            _EAO,
            _ACCURACY,
            VotMetric("robustness", "Robustness", "less"),
            VotMetric("lost_number", "Lost", "less"),
        ),
    ),
    ("vot-toolkit", "supervised"): (
        f"{_OFFICIAL}/supervised.py",
        (_EAO, _ACCURACY, VotMetric("robustness", "Failures", "less")),
    ),
    ("vot-toolkit", "multistart"): (
        f"{_OFFICIAL}/multistart.py",
        (_EAO, _ACCURACY, VotMetric("robustness", "Robustness")),
    ),
    ("pysot-vot", "longterm"): (f"{_PYSOT}/f1_benchmark.py", _LONGTERM),
    ("vot-toolkit", "longterm"): (f"{_OFFICIAL}/longterm.py", _LONGTERM),
}
VOT_PROTOCOLS = ("pysot-vot", "vot-toolkit")


@dataclass(frozen=True)
class Edition:
    """A challenge: which experiment it asks for, the interval of its EAO, and the protocol papers use for it."""

    experiment: Experiment
    interval: tuple[int, int] | None
    protocol: str


_INTERVALS = {2015: (108, 371), 2016: (108, 371), 2017: (100, 356), 2018: (100, 356), 2019: (46, 291)}
_MULTISTART = (2020, 2021, 2022)


def edition(benchmark: str) -> Edition | None:
    """The edition that a benchmark's name means (``VOT2018``, ``VOT2020``, ``VOT2018-LT``), None if it is no VOT's.

    Raises:
        ValueError: a year of VOT without rules here.
    """
    key = re.sub(r"[^a-z0-9]", "", benchmark.lower())
    if not key.startswith("vot"):
        return None
    if "lt" in key:
        return Edition("longterm", None, "pysot-vot")
    found = re.search(r"20\d\d", key)
    year = int(found.group()) if found else 0
    if year in _INTERVALS:
        return Edition("supervised", _INTERVALS[year], "pysot-vot")
    if year in _MULTISTART:
        return Edition("multistart", (115, 755), "vot-toolkit")
    raise ValueError(
        f"{benchmark}: no rules of that challenge are known; known are VOT2015 to VOT2019 (restarts), VOT2020 to "
        "VOT2022 (anchors) and the long-term ones (VOT2018-LT and later)."
    )


def protocols_for(benchmark: str) -> tuple[str, ...]:
    """The protocols that score the experiment of an edition, its default first; none where it is no VOT's."""
    about = edition(benchmark)
    fitting = [name for name, experiment in _RULES if about and experiment == about.experiment]
    return tuple(sorted(fitting, key=lambda name: about is not None and name != about.protocol))


def resolve_vot(name: str, about: Edition) -> VotProtocol:
    """A protocol as it holds for an edition.

    Args:
        name: one of ``VOT_PROTOCOLS``; empty: the edition's default.
        about: the edition.

    Raises:
        ValueError: no such protocol for VOT; or it does not score that experiment.
    """
    name = name or about.protocol
    if name not in VOT_PROTOCOLS:
        near = difflib.get_close_matches(name, VOT_PROTOCOLS, 1, 0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = " and ".join(VOT_PROTOCOLS)
        raise ValueError(f"There is no evaluation protocol {name!r} for VOT.{hint} Known for VOT: {known}.")
    if (name, about.experiment) not in _RULES:
        fitting = ", ".join(protocol for protocol, experiment in _RULES if experiment == about.experiment)
        raise ValueError(f"protocol {name} does not score the {about.experiment} experiment; {fitting} does.")
    source, metrics = _RULES[name, about.experiment]
    return VotProtocol(name, source, about.experiment, metrics, about.interval)
