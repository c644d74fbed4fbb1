"""The page itself: template, style, script and data in one file that asks nobody for anything.

Names of trackers and sequences reach the page as data only, never as mark-up: the data is JSON without ``<``, ``>``
and ``&``, the script puts texts into text nodes, and the page's own policy lets no other script run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

from siamtrack.evaluation.report.html.evidence import Evidence
from siamtrack.evaluation.report.html.payload import payload
from siamtrack.evaluation.scores import Scores
from siamtrack.evaluation.vot.scores import VotScores

SCRIPTS = ("dom.js", "charts.js", "radar.js", "tables.js", "sections.js", "sequences.js", "main.js")


def write_html(
    path: str | os.PathLike[str],
    scores: Sequence[Scores | VotScores],
    evidence: Evidence | None = None,
    *,
    reference: str = "",
    published: bool = False,
    notes: Mapping[str, Sequence[str]] = MappingProxyType({}),
    title: str = "",
) -> Path:
    """Write the report as one page that needs no network.

    About 0.1 MB of page and at most some 8 MB of evidence whatever the benchmark's size
    (:data:`~siamtrack.evaluation.report.html.evidence.BUDGET`), most of it images.

    Args:
        path: of the page.
        scores: of any benchmarks and protocols; each pair of them gets a view of its own.
        evidence: boxes, and images if at hand, for the drill-down; its sequences and trackers are those of ``scores``.
        reference: tracker that the others are paired with; empty: none.
        published: whether published scores stand beside ours.
        notes: tracker -> what is to be said of its results, as that they were tuned on the benchmark.
        title: of the page; empty: the benchmarks.

    Raises:
        ValueError: no scores, or no tracker called ``reference``.
    """
    if not scores:
        raise ValueError("There are no scores to report.")
    data = payload(scores, evidence, reference=reference, published=published)
    data["notes"] = [f"{tracker}: {note}" for tracker in data["trackers"] for note in notes.get(tracker, ())]
    title = title or ", ".join(dict.fromkeys(group["benchmark"] for group in data["groups"]))
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(render(data, title), encoding="utf-8")
    return target


def render(data: dict[str, Any], title: str) -> str:
    """The page as text, from what :func:`~siamtrack.evaluation.report.html.payload.payload` gives."""
    style = _resource("style.css")
    script = '"use strict";\n' + "\n".join(_resource(f"script/{name}") for name in SCRIPTS)
    return Template(_resource("template.html")).substitute(
        title=html.escape(title),
        policy=f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}",
        style=style,
        script=script,
        data=_safe_json({**data, "title": title}),
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    """A source of a content security policy that fits this text alone."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _safe_json(data: dict[str, Any]) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
