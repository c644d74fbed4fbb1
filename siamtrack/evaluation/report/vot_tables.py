"""Tables of VOT's experiments: the numbers of a protocol, and those of each per-frame attribute."""

from __future__ import annotations

import math
from collections.abc import Sequence

from siamtrack.evaluation.report.tables import Column, Table
from siamtrack.evaluation.vot.scores import VotScores

_DIGITS = {"lost_number": 0}


def vot_tables(scores: Sequence[VotScores], attributes: bool = False) -> list[Table]:
    """One table per edition and protocol, trackers sorted by the protocol's first metric.

    Args:
        scores: of any trackers, editions and protocols.
        attributes: add a table with a column per attribute, where the protocol has numbers of them.
    """
    made = []
    for kind in dict.fromkeys((score.benchmark, score.protocol) for score in scores):
        group = [score for score in scores if (score.benchmark, score.protocol) == kind]
        group = ranked(group)
        made.append(_numbers(group))
        if attributes and group[0].tags:
            made.append(_attributes(group))
    return made


def ranked(scores: Sequence[VotScores]) -> list[VotScores]:
    """Trackers by the first metric of their protocol; those without such a number last."""
    values = [score.value(score.protocol.metrics[0].name) for score in scores]
    order = sorted(range(len(scores)), key=lambda i: (math.isnan(values[i]), -values[i]))
    return [scores[i] for i in order]


def _numbers(group: Sequence[VotScores]) -> Table:
    protocol = group[0].protocol
    names = [metric.name for metric in protocol.metrics]
    columns = [Column(m.label, _DIGITS.get(m.name, 3), less=m.better == "less") for m in protocol.metrics]
    if any(score.fps is not None for score in group):
        names, columns = [*names, "fps"], [*columns, Column("FPS", 1, ranked=False)]
    return Table(
        title=f"{group[0].benchmark}, {protocol.experiment}, protocol {protocol.name}",
        heads=("Tracker",),
        columns=tuple(columns),
        labels=tuple((score.tracker,) for score in group),
        values=tuple(tuple(score.metrics().get(name) for name in names) for score in group),
    )


def _attributes(group: Sequence[VotScores]) -> Table:
    protocol = group[0].protocol
    tags = list(group[0].tags)
    return Table(
        title=f"{group[0].benchmark}, {protocol.experiment}, protocol {protocol.name}: EAO of each attribute",
        heads=("Tracker",),
        columns=(Column("All"), *(Column(tag.replace("_", " ")) for tag in tags)),
        labels=tuple((score.tracker,) for score in group),
        values=tuple((score.value("eao"), *(score.tags[tag]["eao"] for tag in tags)) for score in group),
    )
