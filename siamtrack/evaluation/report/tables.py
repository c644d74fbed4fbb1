"""One model of a table, drawn on the terminal, as markdown and as LaTeX: best bold, second best underlined."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from siamtrack.evaluation.protocols import Metric, Protocol
from siamtrack.evaluation.scores import Scores

if TYPE_CHECKING:
    from rich.table import Table as RichTable

Place = Literal["best", "second", ""]


@dataclass(frozen=True)
class Column:
    """A column of numbers: its heading, decimals, whether its best values are marked (more is better, unless ``less``
    is), and whether they are written with their sign."""

    label: str
    digits: int = 3
    ranked: bool = True
    signed: bool = False
    less: bool = False


@dataclass(frozen=True)
class Table:
    """Labels on the left, numbers on the right.

    Attributes:
        title: benchmark and protocol.
        heads: headings of the label columns.
        columns: of the number columns.
        labels: one tuple per row, as long as ``heads``.
        values: one sequence per row, as long as ``columns``; ``None`` where there is no such number.
        across: best and second are those of a row, not of a column.
        notes: what has to be said below it.
    """

    title: str
    heads: tuple[str, ...]
    columns: tuple[Column, ...]
    labels: tuple[tuple[str, ...], ...]
    values: tuple[tuple[float | None, ...], ...]
    across: bool = False
    notes: tuple[str, ...] = ()

    def cells(self) -> list[list[tuple[str, Place]]]:
        """Text and place of every number; numbers that read the same share their place, a lone one has none."""
        texts = [[_text(v, c) for v, c in zip(row, self.columns, strict=True)] for row in self.values]
        if self.across:
            return [[(text, places[text]) for text in row] for row in texts for places in [_places(row, True)]]
        columns = zip(zip(*texts, strict=True), self.columns, strict=True)
        places = [_places(column, c.ranked, c.less) for column, c in columns]
        return [[(text, places[j][text]) for j, text in enumerate(row)] for row in texts]


def _text(value: float | None, column: Column) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:{'+' if column.signed else ''}.{column.digits}f}"


def _places(texts: Sequence[str], ranked: bool, less: bool = False) -> dict[str, Place]:
    numbers = sorted({float(text) for text in texts if text != "–"}, reverse=not less)
    places: dict[str, Place] = dict.fromkeys(texts, "")
    if ranked and len(texts) > 1:
        for text in texts:
            if text != "–" and float(text) in numbers[:2]:
                places[text] = "best" if float(text) == numbers[0] else "second"
    return places


def scores_tables(scores: Iterable[Scores]) -> list[Table]:
    """One table per benchmark and protocol, trackers sorted by the protocol's first metric."""
    groups: dict[tuple[str, Protocol], list[Scores]] = {}
    for score in scores:
        groups.setdefault((score.benchmark, score.protocol), []).append(score)
    tables = []
    for (benchmark, protocol), group in groups.items():
        names = [metric.name for metric in protocol.metrics]
        labels = [metric.label for metric in protocol.metrics]
        columns = [Column(m.label, 3 if m.scale == 1 else 2) for m in protocol.metrics]
        numbers = [(score, score.metrics()) for score in group]
        if any("fps" in values for _, values in numbers):
            names, labels, columns = [*names, "fps"], [*labels, "FPS"], [*columns, Column("FPS", 1, ranked=False)]
        numbers.sort(key=lambda item: -item[1][names[0]])
        tables.append(
            Table(
                title=f"{benchmark or 'results'}, protocol {protocol.name}",
                heads=("Tracker",),
                columns=tuple(columns),
                labels=tuple((score.tracker,) for score, _ in numbers),
                values=tuple(tuple(values.get(name) for name in names) for _, values in numbers),
            )
        )
    return tables


def protocols_table(scores: Sequence[Scores]) -> Table:
    """The same boxes by several protocols: how much the numbers differ though nothing was tracked anew.

    Every protocol's own reading of success, precision and normalised precision, as fractions; nothing is ranked,
    since numbers of different protocols cannot be compared.
    """
    curves = ("success", "precision", "norm_precision")
    rows = []
    ordered = sorted(scores, key=lambda score: score.tracker)
    for score in ordered:
        headline = {curve: headline_metric(score.protocol, curve) for curve in curves}
        rows.append(tuple(score.value(m.name) / m.scale if m else None for m in headline.values()))
    columns = tuple(Column(label, ranked=False) for label in ("Success", "Precision", "Norm. precision"))
    labels = tuple((score.tracker, score.benchmark, score.protocol.name) for score in ordered)
    return Table(
        "The same boxes by several protocols", ("Tracker", "Benchmark", "Protocol"), columns, labels, tuple(rows)
    )


def headline_metric(protocol: Protocol, curve: str) -> Metric | None:
    """The number a protocol is known by for a curve: the area under success (or the mean overlap), else its reading."""
    of_curve = [m for m in protocol.metrics if m.curve == curve]
    if curve == "success":
        whole = [m for m in of_curve if m.at is None]
        of_curve = [m for m in protocol.metrics if m.curve == "overlap"] + whole + of_curve
    return of_curve[0] if of_curve else None


def terminal(table: Table) -> RichTable:
    """For ``rich.print`` or a rich console."""
    from rich import box
    from rich.table import Table as Rich
    from rich.text import Text

    said = "\n".join(f"Note: {note}." for note in table.notes) or None
    drawn = Rich(
        title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, caption=said,
        caption_justify="left",
    )  # fmt: skip
    for head in table.heads:
        drawn.add_column(head, no_wrap=True)
    for column in table.columns:
        drawn.add_column(column.label, justify="right", overflow="fold")  # a number cut short is none
    style = {"best": "bold", "second": "underline", "": ""}
    for labels, row in zip(table.labels, table.cells(), strict=True):
        drawn.add_row(*map(Text, labels), *(Text(text, style[place]) for text, place in row))
    return drawn


def markdown(table: Table) -> str:
    """A GitHub table with its title as a paragraph above it."""
    style = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}
    lines = [
        _row([*table.heads, *(column.label for column in table.columns)]),
        _row([*("---" for _ in table.heads), *("---:" for _ in table.columns)]),
    ]
    for labels, row in zip(table.labels, table.cells(), strict=True):
        cells = [label.replace("|", "\\|") for label in labels]
        lines.append(_row([*cells, *(style[place].format(text) for text, place in row)]))
    said = "".join(f"\nNote: {note}.\n" for note in table.notes)
    return f"{table.title}\n\n" + "\n".join(lines) + "\n" + said


def latex(table: Table) -> str:
    r"""A ``tabular`` with ``booktabs`` rules, title as a comment."""
    style = {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}", "": "{}"}
    lines = [
        f"% {table.title}",
        r"\begin{tabular}{" + "l" * len(table.heads) + "r" * len(table.columns) + "}",
        r"\toprule",
        _latex_row([*table.heads, *(column.label for column in table.columns)]),
        r"\midrule",
    ]
    for labels, row in zip(table.labels, table.cells(), strict=True):
        cells = [style[place].format("--" if text == "–" else text.replace("-", "$-$")) for text, place in row]
        lines.append(" & ".join([*(_latex_text(label) for label in labels), *cells]) + r" \\")
    said = [rf"\par\footnotesize Note: {_latex_text(note)}." for note in table.notes]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *said, ""])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex_text, cells)) + r" \\"


_LATEX = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def _latex_text(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in text)
