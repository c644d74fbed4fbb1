"""Parts that the views of one-pass evaluation and of VOT share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from siamtrack.evaluation.published import beside, published_name, published_on
from siamtrack.evaluation.report.comparisons import LABELS
from siamtrack.evaluation.scores import Scores
from siamtrack.evaluation.vot.scores import VotScores


def number(value: float | None, digits: int = 5) -> float | None:
    """Rounded for the page; ``None`` where there is no such number."""
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


def published_part(ranked: Sequence[Scores | VotScores]) -> dict[str, Any]:
    """What others published on the benchmark of these scores, and where it is not by their protocol."""
    about = ranked[0]
    known = published_on(about.benchmark)
    names = {m.name: published_name(m.name, about.protocol.name) for m in about.protocol.metrics}
    told = {row.metric for row in known}
    reported = [name for name in dict.fromkeys(names.values()) if name and name in told]
    rows = [
        {
            "tracker": row.tracker,
            "metric": row.metric,
            "value": row.value,
            "protocol": row.protocol,
            "same": row.protocol == about.protocol.name,
            "year": row.year,
            "source": row.source,
        }
        for row in known
        if row.metric in reported
    ]
    pairs = beside(ranked)
    named = [m for m in about.protocol.metrics if names[m.name] in reported]
    return {
        "metrics": [[name, LABELS[name]] for name in reported],
        "ours": [[[names[m.name], number(s.value(m.name) / m.scale)] for m in named] for s in ranked],
        "rows": rows,
        "pairs": [{"tracker": p.published.tracker, "ours": number(p.ours), "warning": p.warning()} for p in pairs],
    }
