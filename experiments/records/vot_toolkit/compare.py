"""The official toolkit's figures beside ours, on the results that the toolkit itself made; and our own runs beside its.

python experiments/records/vot_toolkit/compare.py WORKSPACE CHECKPOINT OUTPUT.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from siamtrack.commands.benchmark import vot_truth
from siamtrack.data.readers import open_dataset
from siamtrack.evaluation.vot import evaluate_vot, load_vot_results, resolve_vot
from siamtrack.evaluation.vot.protocols import Edition
from siamtrack.tracking.challenge import experiment
from siamtrack.tracking.recipe import FromBaseline, FromCheckpoint
from siamtrack.tracking.run import Assignment, run_all

INTERVAL = (20, 60)  # as exported
HOMES = {"supervised": "baseline", "multistart": "multistart", "longterm": "longterm"}
TRACKERS = ("static", "nanotrack-v1")


def main(workspace: Path, checkpoint: Path, output: Path) -> None:
    """Write the comparison and print it."""
    said = json.loads((workspace / "analysis" / "figures.json").read_text())
    sequences = list(open_dataset("vot", workspace))
    truths = [vot_truth(sequence) for sequence in sequences]
    rows: list[dict[str, Any]] = []
    for name, home in HOMES.items():
        rules = resolve_vot("vot-toolkit", Edition(name, None if name == "longterm" else INTERVAL, "vot-toolkit"))
        theirs = _figures(name, said["results"][home]["results"])
        for i, tracker in enumerate(TRACKERS):
            folder = workspace / "results" / tracker
            found = load_vot_results(
                folder / home if name == "multistart" else folder, [t.name for t in truths], name, tracker
            )
            (scores,) = evaluate_vot(truths, [found], rules, benchmark="synthetic")
            for metric, values in theirs.items():
                row = {"experiment": name, "tracker": tracker, "metric": metric}
                rows.append({**row, "toolkit": values[i], "siamtrack": scores.value(metric)})
    runs = _own_runs(workspace, checkpoint, sequences)
    output.write_text(json.dumps({"toolkit": said["toolkit"], "figures": rows, "runs": runs}, indent=1) + "\n")
    for row in rows:
        print("{experiment:11s} {tracker:13s} {metric:11s} {toolkit:.9f} {siamtrack:.9f}".format(**row))
    for row in runs:
        print(row)


def _figures(name: str, results: list[Any]) -> dict[str, list[float]]:
    """Metric -> number of each tracker, from the toolkit's nested lists."""
    if name == "supervised":
        ar, eao, *_ = results
        return {
            "accuracy": [row[0] for row in ar],
            "robustness": [row[1] for row in ar],
            "eao": [row[0] for row in eao],
        }
    if name == "multistart":
        eao, _, ar = results
        return {
            "accuracy": [row[0] for row in ar],
            "robustness": [row[1] for row in ar],
            "eao": [row[0] for row in eao],
        }
    precision_recall = results[0]
    return {key: [row[j] for row in precision_recall] for j, key in enumerate(("precision", "recall", "f1"))}


def _own_runs(workspace: Path, checkpoint: Path, sequences: list[Any]) -> list[dict[str, Any]]:
    """The same trackers run by siamtrack: how many rows are those of the toolkit's run."""
    recipes = (FromBaseline.of("static"), FromCheckpoint.of(checkpoint, name="nanotrack-v1"))
    rows = []
    kinds = [(name, "pysot") for name in HOMES] + [("supervised", "official")]
    for name, overlap in kinds:
        with tempfile.TemporaryDirectory() as made:
            kind = experiment(name, "", overlap)
            reports = run_all([Assignment(r, name, sequences, kind) for r in recipes], Path(made))
            assert not any(report.failures for report in reports), reports
            for recipe in recipes:
                theirs = workspace / "results" / recipe.name / HOMES[name]
                ours = Path(made) / name / recipe.name
                pairs = [(path, _beside(path, theirs, ours)) for path in sorted(theirs.rglob("*.txt"))]
                judge = {"failures by": overlap} if name == "supervised" else {}
                rows.append({"experiment": name, **judge, "tracker": recipe.name, **_compared(pairs)})
    return rows


def _beside(path: Path, theirs: Path, ours: Path) -> Path:
    (home,) = [folder for folder in ours.iterdir() if folder.is_dir()]
    return home / path.relative_to(theirs)


def _compared(pairs: list[tuple[Path, Path]]) -> dict[str, Any]:
    codes = total = 0
    apart: list[float] = [0.0]
    for path, own in pairs:
        for a, b in zip(path.read_text().split(), own.read_text().split(), strict=True):
            first, second = (np.array(text.split(","), float) for text in (a, b))
            total += 1
            codes += len(first) == len(second) and (len(first) > 1 or bool(first[0] == second[0]))
            if len(first) == len(second) == 4:
                apart.append(float(np.abs(first - second).max()))
    return {"files": len(pairs), "rows": total, "rows of the same kind": codes, "largest difference, px": max(apart)}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
