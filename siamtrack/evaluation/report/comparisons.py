"""Trackers held against one of them, and against what others published, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from siamtrack.evaluation.compare import LEVEL, RESAMPLES, compare
from siamtrack.evaluation.published import published_name, published_on
from siamtrack.evaluation.report.tables import Column, Table
from siamtrack.evaluation.scores import Scores
from siamtrack.evaluation.vot.scores import VotScores

OURS = "ours"
LABELS = {
    "success": "Success",
    "precision": "Precision",
    "norm_precision": "Norm. precision",
    "ao": "AO",
    "sr50": "SR 0.5",
    "sr75": "SR 0.75",
    "eao": "EAO",
    "accuracy": "Accuracy",
    "robustness": "Robustness",
}


def reference_of(scores: Sequence[Scores], name: str) -> Scores:
    """The scores of the tracker that others are compared to.

    Raises:
        ValueError: there are none.
    """
    for score in scores:
        if score.tracker == name:
            return score
    listed = ", ".join(score.tracker for score in scores)
    raise ValueError(f"There are no scores of {name!r} to compare to; there are scores of {listed}.")


def comparison_tables(scores: Sequence[Scores], reference: str) -> list[Table]:
    """Every other tracker against one, a table per metric, paired over sequences.

    Args:
        scores: of one benchmark and protocol.
        reference: name of the tracker that the others are held against.

    Raises:
        ValueError: no scores of that tracker, or trackers that were scored on different sequences.
    """
    against = reference_of(scores, reference)
    others = sorted((s for s in scores if s is not against), key=lambda s: -s.value(s.protocol.metrics[0].name))
    found = [row for score in others for row in compare(score, against)]
    made = []
    for metric in against.protocol.metrics:
        rows = [row for row in found if row.metric == metric]
        digits = 3 if metric.scale == 1 else 2
        if rows:
            about = f"{against.benchmark or 'results'}, protocol {against.protocol.name}"
            how = f"paired over {rows[0].difference.pairs} sequences, {LEVEL:.0%} bootstrap interval"
            made.append(
                Table(
                    title=f"{about}: {metric.label} minus that of {reference}, {how} ({RESAMPLES} resamples)",
                    heads=("Tracker", "Decided"),
                    columns=(
                        Column("Difference", digits, ranked=False, signed=True),
                        Column("From", digits, ranked=False, signed=True),
                        Column("To", digits, ranked=False, signed=True),
                        Column("Better", 0, ranked=False),
                        Column("Worse", 0, ranked=False),
                    ),
                    labels=tuple((row.tracker, "yes" if row.decided else "no") for row in rows),
                    values=tuple(
                        (row.difference.mean, row.difference.low, row.difference.high, row.better, row.worse)
                        for row in rows
                    ),
                )
            )
    return made


def published_tables(scores: Sequence[Scores | VotScores]) -> list[Table]:
    """Ours and what others published on the same benchmark, with year, protocol and source.

    Nothing is ranked, since the protocols differ. Values are fractions; metrics that nobody published are left out.

    Args:
        scores: of one benchmark and protocol.

    Returns:
        none where no published score of the benchmark is known.
    """
    about = scores[0]
    known = published_on(about.benchmark)
    named = {m: name for m in about.protocol.metrics if (name := published_name(m.name, about.protocol.name))}
    metrics = [name for name in dict.fromkeys(named.values()) if any(row.metric == name for row in known)]
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for score in scores:
        values = {name: score.value(m.name) / m.scale for m, name in named.items() if name in metrics}
        rows[(score.tracker, about.protocol.name, "", OURS)] = values
    told = [row for row in known if row.metric in metrics]
    if not told:
        return []
    sources = {source: f"[{i}]" for i, source in enumerate(dict.fromkeys(row.source for row in told), 1)}
    for row in told:
        key = (row.tracker, row.protocol, str(row.year or ""), sources[row.source])
        rows.setdefault(key, {})[row.metric] = row.value
    ordered = sorted(rows.items(), key=lambda item: -item[1].get(metrics[0], -1.0))
    return [
        Table(
            title=f"{about.benchmark}: ours by protocol {about.protocol.name}, and published scores",
            heads=("Tracker", "Protocol", "Year", "Source"),
            columns=tuple(Column(LABELS[metric], ranked=False) for metric in metrics),
            labels=tuple(labels for labels, _ in ordered),
            values=tuple(tuple(values.get(metric) for metric in metrics) for _, values in ordered),
            notes=(
                f"{OURS}: on {len(about.sequences)} sequences",
                *(f"{mark} {source}" for source, mark in sources.items()),
            ),
        )
    ]
