"""``siamtrack export``: what other programs take over."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from siamtrack.commands.benchmark import Opened, open_benchmarks
from siamtrack.commands.options import command, data_root, overrides, selection
from siamtrack.commands.runs import newest_of, run_folder


def add(commands: Any) -> None:
    export = commands.add_parser("export", help="Hand trackers to other programs.").add_subparsers(
        dest="what", required=True
    )
    p = command(export, "vot-workspace", vot_workspace)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", help="a .safetensors file; a copy goes into the workspace")
    source.add_argument("--cfg", help="a configuration that was trained: its newest checkpoint is taken")
    source.add_argument("--run", metavar="FOLDER", dest="trained", help="a training run's folder, likewise")
    source.add_argument("--baseline", metavar="NAME", help="static, or one of OpenCV's, as MIL")
    p.add_argument("--dataset", required=True, metavar="NAME[:SPLIT]", help="VOT2018, or any other of image files")
    data_root(p)
    selection(p)
    p.add_argument(
        "--experiments", metavar="A,B", help="supervised, multistart, longterm (default: that of the VOT edition)"
    )
    p.add_argument("--interval", metavar="LOW:HIGH", help="of the expected average overlap (default: the edition's)")
    p.add_argument("--stack", default="", help="one of the toolkit's own in place of that: vot2022/shorttermbox")
    p.add_argument("--repetitions", type=int, default=1, help="of supervised runs (default: 1)")
    p.add_argument("--device", help="that the tracker shall use (default: the GPU if there is one)")
    p.add_argument("--name", help="what the tracker is called")
    p.add_argument("-o", "--output", required=True, metavar="FOLDER", help="of the workspace")
    overrides(p, "TRACK.PENALTY_K 0.05")


def vot_workspace(options: argparse.Namespace) -> int:
    """Write a workspace in which the official VOT toolkit runs and analyses a tracker."""
    from siamtrack.tracking.workspace import write_workspace

    (opened, *others) = open_benchmarks(options, options.dataset)
    if others or opened.unopened:
        raise ValueError(next(iter(opened.unopened.values()), "--dataset: a workspace has one data set."))
    folder = Path(options.output)
    entry = _entry(options, folder)
    write_workspace(
        folder,
        opened.sequences,
        entry,
        _experiments(options, opened),
        stack=options.stack,
        repetitions=options.repetitions,
    )
    print(
        f"{folder}: tracker {entry.identifier}, sequences: {len(opened.sequences)}. In an environment with vot-toolkit:"
    )
    print(f"vot evaluate --workspace {folder} {entry.identifier}")
    print(f"vot analysis --workspace {folder} {entry.identifier}")
    return 0


def _entry(options: argparse.Namespace, folder: Path) -> Any:
    """The tracker's command, with absolute paths, since the toolkit calls it from a folder of its own."""
    from siamtrack.tracking.recipe import FromBaseline, FromCheckpoint
    from siamtrack.tracking.workspace import Entry

    start = [sys.executable, "-m", "siamtrack.tracking.trax"]
    device = ["--device", options.device] if options.device else []
    if options.baseline:
        recipe: Any = FromBaseline.of(options.baseline, options.name or "")
        return Entry(recipe.name, (*start, "--baseline", options.baseline, *device))
    checkpoint = Path(options.checkpoint or newest_of(run_folder(options.cfg, options.trained)))
    recipe = FromCheckpoint.of(checkpoint, options.overrides, options.name or "")
    copy = (folder / "trackers" / f"{recipe.name}.safetensors").absolute()
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkpoint, copy)
    return Entry(recipe.name, (*start, "--checkpoint", str(copy), *device, *options.overrides))


def _experiments(options: argparse.Namespace, opened: Opened) -> dict[str, tuple[int, int]]:
    """Experiments and the interval of their expected average overlap."""
    from siamtrack.evaluation.vot import edition

    about = edition(opened.name)
    names = options.experiments.split(",") if options.experiments else [about.experiment] if about else []
    unknown = sorted(set(names) - {"supervised", "multistart", "longterm"})
    if unknown or not names:
        wrong = unknown[0] if unknown else "is missing, and the data set is no edition of VOT"
        raise ValueError(f"--experiments {wrong}: should be of supervised, multistart and longterm.")
    lengths = [len(sequence) for sequence in opened.sequences]
    interval = about.interval if about and about.interval else (min(lengths), max(lengths))
    if options.interval:
        low, _, high = options.interval.partition(":")
        if not (low.isdigit() and high.isdigit() and int(low) < int(high)):
            raise ValueError(f"--interval {options.interval!r}: should be LOW:HIGH, frames, as in 100:356.")
        interval = int(low), int(high)
    return dict.fromkeys(names, interval)
