"""A study as a table on the terminal, as markdown, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siamtrack.ablation.study import Row, Study
from siamtrack.evaluation.compare import LEVEL, RESAMPLES, Difference, Spread
from siamtrack.evaluation.protocols import Metric

if TYPE_CHECKING:
    from rich.table import Table

NOTHING = "–"


def write_report(folder: Path, study: Study) -> list[Path]:
    """Write ``ablation.md`` and ``ablation.json``; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        folder / "ablation.md": markdown(study),
        folder / "ablation.json": json.dumps(plain(study), indent=1) + "\n",
    }
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


def plain(study: Study) -> dict[str, Any]:
    """Everything the table shows, unrounded, and the differences of every metric."""
    metrics = [metric.name for metric in study.protocol.metrics]
    return {
        "benchmark": study.benchmark,
        "protocol": study.protocol.name,
        "sequences": study.sequences,
        "seeds": list(study.seeds),
        "reference": study.rows[0].variant.name,
        "interval": {"level": LEVEL, "resamples": RESAMPLES, "pairs": "sequences, averaged over seeds"},
        "rows": [_plain_row(row, study.rows[0], metrics) for row in study.rows],
    }


def _plain_row(row: Row, reference: Row, metrics: Sequence[str]) -> dict[str, Any]:
    differences = {} if row is reference else {metric: row.difference(reference, metric) for metric in metrics}
    return {
        "variant": row.variant.name,
        "cfg": row.variant.cfg,
        "overrides": list(row.variant.overrides),
        "runs": len(row.scores),
        "metrics": {metric: _plain_spread(row.spread(metric)) for metric in metrics},
        "difference": {
            metric: {"mean": d.mean, "low": d.low, "high": d.high, "pairs": d.pairs}
            for metric, d in differences.items()
            if d is not None
        },
        "parameters": row.cost.parameters if row.cost else None,
        "frame_macs": row.cost.frame_macs if row.cost else None,
        "template_macs": row.cost.template_macs if row.cost else None,
        "fps": _plain_spread(row.fps()),
        "devices": _devices(row),
        "remarks": list(row.cost.remarks) if row.cost else [],
        "failures": row.failures,
    }


def _plain_spread(value: Spread | None) -> dict[str, Any] | None:
    return None if value is None else {"mean": value.mean, "deviation": value.deviation, "runs": value.runs}


def terminal(study: Study) -> Table:
    """For ``rich.print`` or a rich console; the notes stand below."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    heads, body = _cells(study)
    table = Table(
        title=_title(study), caption="\n".join(_notes(study)), box=box.SIMPLE_HEAD, title_justify="left",
        caption_justify="left", title_style="bold", caption_style="",
    )  # fmt: skip
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i else "left", overflow="fold")  # a number cut short is none
    for row in body:
        table.add_row(*map(Text, row))
    return table


def markdown(study: Study) -> str:
    """A GitHub table with its title above and its notes as a list below."""
    heads, body = _cells(study)
    rules = ["---", *("---:" for _ in heads[1:])]
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in (heads, rules, *body)]
    table = "\n".join(f"| {line} |" for line in lines)
    notes = "\n".join(f"- {note}" for note in _notes(study))
    return f"{_title(study)}\n\n{table}\n\n{notes}\n"


def _title(study: Study) -> str:
    return f"{study.benchmark}, protocol {study.protocol.name}"


def _cells(study: Study) -> tuple[list[str], list[list[str]]]:
    """Headings and texts."""
    metrics, first, reference = study.protocol.metrics, study.protocol.metrics[0], study.rows[0]
    heads = [
        "Variant", *(metric.label for metric in metrics), f"{first.label}: difference [{LEVEL:.0%}]",
        "Parameters (M)", "MACs a frame (G)", "MACs a template (G)", "FPS",
    ]  # fmt: skip
    body = []
    for row in study.rows:
        difference = None if row is reference else row.difference(reference, first.name)
        costs = [row.cost.parameters / 1e6, row.cost.frame_macs / 1e9, row.cost.template_macs / 1e9] if row.cost else []
        body.append(
            [
                row.variant.name + ("" if len(row.scores) == len(study.seeds) else f" ({len(row.scores)} runs)"),
                *(_with_deviation(row.spread(metric.name), _digits(metric)) for metric in metrics),
                _with_interval(difference, _digits(first)),
                *([f"{value:.3f}" for value in costs] or [NOTHING] * 3),
                _with_deviation(row.fps(), 1),
            ]
        )
    return heads, body


def _digits(metric: Metric) -> int:
    return 3 if metric.scale == 1 else 2


def _with_deviation(value: Spread | None, digits: int) -> str:
    if value is None:
        return NOTHING
    return f"{value.mean:.{digits}f}" + ("" if value.deviation is None else f" ± {value.deviation:.{digits}f}")


def _with_interval(value: Difference | None, digits: int) -> str:
    if value is None:
        return NOTHING
    return f"{value.mean:+.{digits}f} [{value.low:+.{digits}f}, {value.high:+.{digits}f}]"


def _notes(study: Study) -> list[str]:
    """What a reader must know to read the numbers, then what is to be said of single rows."""
    seeds, first = study.seeds, study.protocol.metrics[0].label
    spread = f"mean ± standard deviation over {len(seeds)} seeds" if len(seeds) > 1 else "one run"
    devices = sorted({device for row in study.rows for device in _devices(row)})
    notes = [
        f"{study.sequences} sequences; {spread} (SEED {', '.join(map(str, seeds))}).",
        f"Difference of {first} to {study.rows[0].variant.name!r}: mean over sequences of the paired differences, each "
        f"sequence averaged over the seeds; [{LEVEL:.0%}] percentile bootstrap interval over sequences "
        f"({RESAMPLES} resamples), which does not cover the choice of seeds.",
        "MACs: multiply-accumulates of convolutions and matrix products, those of attention included; a frame is what "
        "is computed for each, a template what is computed once.",
    ]
    if devices:
        notes.append(f"FPS: tracking alone, without decoding, one frame at a time, on {', '.join(devices)}.")
    for row in study.rows:
        remarks = row.cost.remarks if row.cost else ()
        notes += [f"{row.variant.name}: {remark}." for remark in remarks]
        notes += [f"{row.variant.name} failed: {failure}" for failure in row.failures]
    return notes


def _devices(row: Row) -> list[str]:
    return sorted({outcome.device for outcome in row.outcomes if outcome.device})
