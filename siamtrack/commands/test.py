"""``siamtrack test``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from siamtrack.commands.benchmark import Opened, open_benchmarks, truth, vot_truth
from siamtrack.commands.options import INCOMPLETE, command, data_root, overrides, selection
from siamtrack.commands.runs import checkpoints_of, newest_of, run_folder


def add(commands: Any) -> None:
    p = command(commands, "test", run)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", help="a .safetensors file; it carries its configuration")
    source.add_argument("--cfg", help="a configuration that was trained: its newest checkpoint is tested")
    source.add_argument("--run", metavar="FOLDER", dest="trained", help="a training run's folder, likewise")
    source.add_argument(
        "--baseline", metavar="NAME", help="static (the first box for ever), or one of OpenCV's, as MIL"
    )
    p.add_argument("--checkpoints", metavar="11-20", help="of --cfg or --run: test these epochs into one table")
    p.add_argument(
        "--select-on", metavar="NAME[:SPLIT]",
        help="test the range on this validation set, and on --dataset only the checkpoint that is best there",
    )  # fmt: skip
    p.add_argument("--on-test-set", action="store_true", help="allow a test benchmark for that; every table says so")
    p.add_argument("--tuned", metavar="FOLDER", help="track with the best settings that siamtrack tune found there")
    p.add_argument(
        "--dataset", required=True, metavar="NAME[:SPLIT][,...]",
        help="OTB100, VOT2018, UAV123, LaSOT, GOT-10k, folder, video, ...; several separated by commas",
    )  # fmt: skip
    data_root(p)
    selection(p)
    p.add_argument(
        "--experiment", choices=("auto", "one-pass", "supervised", "multistart", "longterm"), default="auto",
        help="how sequences are run (default: VOT as the challenge of its year, all others one-pass)",
    )  # fmt: skip
    p.add_argument(
        "--overlap", choices=("pysot", "official"), default="pysot",
        help="whose overlap decides what is a failure in supervised runs (default: pysot's, as papers do)",
    )  # fmt: skip
    p.add_argument("--repeat", type=int, default=1, metavar="N", help="runs of each sequence (default: 1)")
    p.add_argument(
        "--output", default="results", help="folder for <dataset>/<tracker>/<sequence>.txt (default: results)"
    )
    devices(p)
    p.add_argument("--name", help="what the tracker is called in results and tables")
    overrides(p, "TRACK.PENALTY_K 0.05")


def devices(p: argparse.ArgumentParser) -> None:
    """``--device``, ``--processes`` and ``--threads``."""
    p.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: every GPU, or else the CPU)")
    p.add_argument("--processes", type=int, default=0, metavar="N", help="(default: one for each GPU, 1 on the CPU)")
    p.add_argument(
        "--threads", type=int, default=0, metavar="N", help="of each process (default: the cores shared out)"
    )


def run(options: argparse.Namespace) -> int:
    """Track the sequences of data sets and write a result file each."""
    from siamtrack.tracking.crew import seats

    if options.repeat < 1:
        raise ValueError(f"--repeat {options.repeat}: should be 1 or more.")
    places = seats(options.device, options.processes, options.threads)
    if options.select_on and not options.checkpoints:
        raise ValueError("--select-on chooses among a range of checkpoints; give --checkpoints 11-20 as well.")
    if options.checkpoints:
        return _range(options, places)
    reports, _ = _track([_recipe(options)], open_benchmarks(options, options.dataset), options, places)
    return _said(reports)


def _recipe(options: argparse.Namespace) -> Any:
    """The tracker of ``--checkpoint``, ``--cfg`` or ``--run`` (the newest one), or ``--baseline``."""
    from siamtrack.tracking.recipe import FromBaseline, FromCheckpoint

    if options.baseline:
        return FromBaseline.of(options.baseline, options.name or "")
    checkpoint = Path(options.checkpoint or newest_of(run_folder(options.cfg, options.trained)))
    return FromCheckpoint.of(checkpoint, _settings(options)[0], options.name or "")


def _settings(options: argparse.Namespace) -> tuple[list[str], tuple[str, ...]]:
    """``KEY VALUE`` pairs, those of ``--tuned`` first, and what tables have to say of them."""
    if not options.tuned:
        return list(options.overrides), ()
    from siamtrack.tuning.trials import Study

    best = Study.read(Path(options.tuned)).outcome()
    return [*best.overrides, *options.overrides], best.notes


def _track(
    recipes: Sequence[Any],
    opened: Sequence[Opened],
    options: argparse.Namespace,
    places: Any,
    notes: tuple[str, ...] = (),
) -> tuple[list[Any], list[Any]]:
    """Every tracker on every benchmark: reports and assignments."""
    from siamtrack.tracking.challenge import experiment
    from siamtrack.tracking.run import Assignment, Failure, run_all

    assignments = [
        Assignment(
            recipe,
            benchmark.name,
            benchmark.sequences,
            experiment(options.experiment, benchmark.name, options.overlap),
            options.repeat,
            (*_settings(options)[1], *notes),
            tuple(Failure(name, reason) for name, reason in benchmark.unopened.items()),
        )
        for recipe in recipes
        for benchmark in opened
    ]
    return run_all(assignments, Path(options.output), places), assignments


def _said(reports: Sequence[Any]) -> int:
    """Say what became of it; the exit code."""
    for report in reports:
        for failure in report.failures:
            print(f"{failure.sequence}: {failure.reason}", file=sys.stderr)
        print(f"{report.tracked} of {report.tracked + len(report.failures)} sequences in {report.folder}")
    return INCOMPLETE if any(report.failures for report in reports) else 0


def _range(options: argparse.Namespace, places: Any) -> int:
    """A range of checkpoints into one table."""
    from siamtrack.evaluation.report.notes import with_notes
    from siamtrack.tracking.recipe import FromCheckpoint
    from siamtrack.tuning import checkpoints, guard

    found = checkpoints_of(run_folder(options.cfg, options.trained), options.checkpoints)
    names = [f"{options.name}-{path.stem}" if options.name else "" for path in found]
    settings, tuned = _settings(options)
    recipes = [FromCheckpoint.of(path, settings, name) for path, name in zip(found, names, strict=True)]
    notes = {recipe.name: tuned for recipe in recipes}
    opened = open_benchmarks(options, options.dataset)
    title, chosen = f"Checkpoints {options.checkpoints}", ""
    reports: list[Any] = []
    scored: list[Any] = []
    if options.select_on:
        (validation, *others) = open_benchmarks(options, options.select_on)
        if others:
            raise ValueError(f"--select-on {options.select_on}: a checkpoint is chosen on one validation set.")
        told = guard.note(validation.name, validation.split, options.on_test_set, "the checkpoint")
        reports, scored = _scored(recipes, [validation], options, places)
        recipes = [recipes[checkpoints.best(scored)]]
        title, chosen = f"{title}, chosen on {validation.title}", recipes[0].name
        notes[chosen] = (*tuned, *told)
        if told:  # its results there are those that it was chosen by
            _track(recipes, [validation], options, places, told)
        tested, scored_there = _scored(recipes, opened, options, places, told)
    else:
        tested, scored_there = _scored(recipes, opened, options, places)
    (table,) = with_notes([checkpoints.table(title, [*scored, *scored_there], chosen)], notes)
    _show(table, Path(options.output))
    return _said([*reports, *tested])


def _scored(
    recipes: Sequence[Any],
    opened: Sequence[Opened],
    options: argparse.Namespace,
    places: Any,
    notes: tuple[str, ...] = (),
) -> tuple[list[Any], list[Any]]:
    """Reports, and scores as far as there are any."""
    from siamtrack.tuning.checkpoints import score, score_vot

    reports, assignments = _track(recipes, opened, options, places, notes)
    scored = []
    truths: dict[str, list[Any]] = {}  # the same for all trackers
    for assignment, report in zip(assignments, reports, strict=True):
        read, judge = (truth, score) if assignment.experiment.name == "one-pass" else (vot_truth, score_vot)
        if assignment.benchmark not in truths:
            truths[assignment.benchmark] = [read(sequence) for sequence in assignment.sequences]
        known = truths[assignment.benchmark]
        scored.append(judge(assignment.recipe.name, assignment.benchmark, report.folder, known))
    return reports, scored


def _show(table: Any, output: Path) -> None:
    """The table on the terminal, and as ``checkpoints.md`` beside the results."""
    from rich.console import Console

    from siamtrack.evaluation.report.tables import markdown, terminal
    from siamtrack.files import write_text

    Console().print(terminal(table))
    write_text(output / "checkpoints.md", markdown(table))
