"""Samples as a page that opens from a file: the mixture in a table, and each sample with everything known of it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

from PIL import Image

from siamtrack.data.mixture import Mixture
from siamtrack.preview.panels import panels
from siamtrack.preview.samples import Sample
from siamtrack.preview.sheet import facts, whence

_STYLE = """
:root { color-scheme: light dark; --line: #d8dbe2; --faint: #6b7280; --card: #f7f8fa; }
@media (prefers-color-scheme: dark) { :root { --line: #3a3f4b; --faint: #9aa3b2; --card: #20242c; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1400px; padding: 0 1rem; }
h1 { font-size: 1.4rem; } table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
.legend span { display: inline-block; margin-right: 1.2rem; }
.legend i { display: inline-block; width: .8em; height: .8em;
  border-radius: 50%; margin-right: .35em; border: 1px solid #0008; }
main { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(min(560px, 100%), 1fr)); }
figure { margin: 0; padding: .8rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
figure img { max-width: 100%; height: auto; display: block; background: #fff; }
figcaption b { margin-right: .5em; } .faint, details { color: var(--faint); font-size: .88em; }
details p { margin: .15rem 0; overflow-wrap: anywhere; } .chip { float: right; font-weight: 600; }
.positive { color: #1e8449; } .negative { color: #c0392b; }
"""


def write_page(samples: Sequence[Sample], title: str, about: str, mixture: Mixture, side: int = 255) -> str:
    """The page as text, pictures in it.

    Args:
        samples: to show.
        title: of the page.
        about: a line under it.
        mixture: the data that is drawn from.
        side: of a search crop, px.
    """
    figures = "\n".join(_figure(sample, side) for sample in samples)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>\n'
        f'<h1>{html.escape(title)}</h1>\n<p class="faint">{html.escape(about)}</p>\n{_table(mixture)}\n'
        '<p class="legend"><span><i style="background:#fff"></i>box</span>'
        '<span><i style="background:#ffc828"></i>positive cell, or corner</span>'
        '<span><i style="background:#5aa5ff"></i>negative cell</span>'
        '<span><i style="background:#a0a0a0"></i>ignored cell</span></p>\n'
        f"<main>\n{figures}\n</main></html>\n"
    )


def _table(mixture: Mixture) -> str:
    """What is drawn from: one row a data set."""
    rows = []
    total = mixture.num_use.sum()
    for part, used in zip(mixture.sets, mixture.num_use, strict=True):
        index = part.index
        numbers = (part.videos, len(index.names), len(index.boxes), len(index.hidden_boxes), used)
        cells = "".join(f"<td>{number:,}</td>" for number in numbers)
        rows.append(
            f"<tr><td>{html.escape(index.name)}</td>{cells}<td>{used / total:.1%}</td><td>{part.frame_range}</td></tr>"
        )
    head = "".join(
        f"<th>{name}</th>"
        for name in ("data set", "videos", "tracks", "boxes", "other frames", "used a round", "share", "frame range")
    )
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _figure(sample: Sample, side: int) -> str:
    kind = "positive" if sample.present else "negative"
    dataset, text = whence(sample.sources) if sample.sources else ("", "")
    lines = [f"{source.path} (frame {source.frame})" for source in sample.sources]
    box = ", ".join(f"{value:.1f}" for value in sample.search.box)
    lines.append(f"search box, px of the crop: {box}")
    details = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return (
        f'<figure><img alt="" src="data:image/webp;base64,{_encoded(sample, side)}">'
        f'<figcaption><span class="chip {kind}">{kind} pair</span><b>{html.escape(dataset)}</b>{html.escape(text)}'
        f'<br><span class="faint">{html.escape(facts(sample))}</span></figcaption>'
        f"<details><summary>files</summary>{details}</details></figure>"
    )


def _encoded(sample: Sample, side: int) -> str:
    content = io.BytesIO()
    Image.fromarray(panels(sample, side)).save(content, format="WEBP", quality=92)
    return base64.b64encode(content.getvalue()).decode()
