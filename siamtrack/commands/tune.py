"""``siamtrack tune``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from siamtrack.commands.benchmark import Opened, open_benchmarks, truth
from siamtrack.commands.options import command, data_root, overrides, selection
from siamtrack.commands.runs import newest_of, run_folder
from siamtrack.commands.test import devices


def add(commands: Any) -> None:
    p = command(commands, "tune", run)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", help="a .safetensors file; it carries its configuration")
    source.add_argument("--cfg", help="a configuration that was trained: its newest checkpoint is taken")
    source.add_argument("--run", metavar="FOLDER", dest="trained", help="a training run's folder, likewise")
    p.add_argument("--dataset", required=True, metavar="NAME[:SPLIT]", help="the validation set, such as got10k:val")
    p.add_argument("--on-test-set", action="store_true", help="allow a test benchmark; every table then says so")
    data_root(p)
    selection(p)
    p.add_argument("--protocol", default="", help="as in siamtrack eval; its first metric is maximised")
    p.add_argument(
        "--range", action="append", default=[], metavar="KEY=LOW:HIGH[:log]", dest="ranges",
        help="or KEY=a,b; repeatable (default: the tracker's window influence, penalty and smoothing)",
    )  # fmt: skip
    p.add_argument("--trials", type=int, default=60, help="how many there shall be in all (default: 60)")
    p.add_argument("--sampler", choices=("random", "tpe"), default="random", help="tpe needs siamtrack[tune]")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument(
        "--memory", type=float, default=2.0, metavar="GB", help="for decoded frames, of each process (default: 2)"
    )
    p.add_argument("--output", required=True, help="the search's folder; one that was broken off is gone on with")
    devices(p)
    overrides(p, "TRACK.MIN_SIZE 5")


def run(options: argparse.Namespace) -> int:
    """Search a tracker's settings on a validation set."""
    from siamtrack.tracking.crew import seats
    from siamtrack.tracking.recipe import FromCheckpoint
    from siamtrack.tuning import guard
    from siamtrack.tuning.search import scorer, search
    from siamtrack.tuning.space import parse_range, usual_ranges
    from siamtrack.tuning.suggest import suggester
    from siamtrack.tuning.trials import Study

    places = seats(options.device, options.processes, options.threads)
    checkpoint = options.checkpoint or newest_of(run_folder(options.cfg, options.trained))
    recipe = FromCheckpoint.of(Path(checkpoint), options.overrides)
    opened = _validation(options)
    notes = guard.note(opened.name, opened.split, options.on_test_set, "TRACK settings")
    ranges = [parse_range(text) for text in options.ranges] or usual_ranges(_options_of(recipe))
    score = scorer([truth(sequence) for sequence in opened.sequences], options.protocol, opened.name)
    facts = {
        **recipe.facts(),
        "validation": opened.title,
        "sequences": [sequence.name for sequence in opened.sequences],
        "protocol": options.protocol,
        "ranges": [str(r) for r in ranges],
        "sampler": options.sampler,
        "seed": options.seed,
    }
    suggest = suggester(options.sampler, ranges, options.seed)
    study = Study.open(Path(options.output), facts, notes)
    search(study, recipe, opened.sequences, score, suggest, options.trials, places, options.memory)
    best = study.outcome()
    which, count = best.trial.number + 1, len(study.trials)
    print(f"best on {opened.title}: {best.trial.score:.4f} (trial {which} of {count}) with {' '.join(best.overrides)}")
    print(f"siamtrack test --checkpoint {checkpoint} --tuned {options.output} --dataset ...")
    for note in best.notes:
        print(f"every table of results with these settings will say: {note}")
    return 0


def _validation(options: argparse.Namespace) -> Opened:
    """The validation set; all of it, since a score on a part of it is another score."""
    opened = open_benchmarks(options, options.dataset)
    if len(opened) > 1:
        raise ValueError(f"--dataset {options.dataset}: settings are searched on one validation set at a time.")
    if opened[0].unopened:
        name, reason = next(iter(opened[0].unopened.items()))
        raise ValueError(f"{name}: {reason} Repair it, or name the others by --sequences.")
    return opened[0]


def _options_of(recipe: Any) -> list[str]:
    """Names of the options of a recipe's tracker."""
    from siamtrack.registry import configurable
    from siamtrack.tracking.load import load_network
    from siamtrack.tracking.tracker import trackers

    return list(configurable(trackers.get(load_network(recipe.checkpoint, recipe.overrides).cfg.TRACK.NAME)))
