"""The doors of the house.

``siamtrack train | test | eval | ablate | convert | quickstart | data check | model describe``

``tools/*.py`` are the same commands as scripts. Each command imports what it needs when it is called, so that
``siamtrack eval`` runs without torch. What a user did wrong ends in one sentence and exit code 2;
``SIAMTRACK_TRACEBACK=1`` shows where it was raised.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

WRONG = 2  # exit code for a sentence about what the user gave
INCOMPLETE = 1  # exit code when some of the work could not be done
QUICKSTART = Path(__file__).resolve().parent.parent / "configs" / "quickstart.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the process's exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    options = _parsed(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (ValueError, OSError) as error:  # every error of the house is a ValueError whose text is a sentence
        if os.environ.get("SIAMTRACK_TRACEBACK") == "1":
            raise
        print(f"siamtrack {options.command}: {error}", file=sys.stderr)
        return WRONG


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, with ``KEY VALUE`` pairs from anywhere on the line in ``overrides``."""
    top = parser()
    options, rest = top.parse_known_args(arguments)
    wrong = [word for word in rest if word.startswith("--")] if hasattr(options, "overrides") else rest
    if wrong:
        top.error(f"{options.command} does not know {' '.join(wrong)}; see siamtrack {options.command} --help")
    options.overrides = rest
    return options


def door(command: str) -> None:
    """What a script under ``tools/`` does: its own name's command."""
    sys.exit(main([command, *sys.argv[1:]]))


# Commands -----------------------------------------------------------------------------------------------------------


def train(options: argparse.Namespace) -> int:
    """Train what a configuration describes."""
    from siamtrack import config
    from siamtrack.engine.task import tasks
    from siamtrack.engine.train import train as run
    from siamtrack.registry import load_plugins
    from siamtrack.tracking.task import TrackingTask  # noqa: F401 - registers itself

    cfg = config.load(options.cfg, options.overrides, options.plugin)
    load_plugins(cfg.PLUGINS)
    output = Path(options.output) if options.output else _output(cfg, options.cfg)
    if os.environ.get("RANK", "0") == "0":
        print(config.dump(cfg), flush=True)
    task = tasks.build(cfg.TASK, cfg=cfg, data_root=options.data_root)
    run(cfg, task, output, resume=options.resume)
    return 0


def test(options: argparse.Namespace) -> int:
    """Track the sequences of a data set and write one result file each."""
    from siamtrack.data.readers import open_dataset
    from siamtrack.tracking.run import run

    tracker, meta = _tracker_for_test(options)
    sequences = open_dataset(
        options.dataset, options.data_root, sequences=_listed(options.sequences), **_pairs(options)
    )
    failures = run(tracker, sequences, Path(options.output), options.dataset, meta)
    for failure in failures:
        print(f"{failure.sequence}: {failure.reason}", file=sys.stderr)
    folder = Path(options.output) / options.dataset / tracker.name
    print(f"{len(sequences) - len(failures)} of {len(sequences)} sequences in {folder}")
    return INCOMPLETE if failures else 0


def evaluate(options: argparse.Namespace) -> int:
    """Score result files by a protocol."""
    from rich.console import Console

    from siamtrack import evaluation
    from siamtrack.evaluation.report import plots, tables

    truths = _truths(options)
    frames = {truth.name: len(truth.boxes) for truth in truths}
    found = evaluation.find_trackers(options.results, list(frames))
    chosen = _listed(options.trackers) or list(found)
    unknown = sorted(set(chosen) - set(found))
    if unknown:
        raise ValueError(f"--trackers: no results of {', '.join(unknown)}; there are results of {', '.join(found)}.")
    results = [evaluation.load_results(found[name], frames, name) for name in chosen]
    scores = evaluation.evaluate_all(truths, results, options.protocol, benchmark=options.dataset)
    made = tables.scores_tables(scores)
    for table in made:
        Console().print(tables.terminal(table))
    if options.json:
        evaluation.write_rows(options.json, scores)
    for path, style in ((options.markdown, tables.markdown), (options.latex, tables.latex)):
        if path:
            Path(path).write_text("\n".join(style(table) for table in made), encoding="utf-8")
    if options.plots:
        for ending in ("png", "pdf"):
            plots.plot_overview(scores, Path(options.plots) / f"{options.dataset}-{scores[0].protocol.name}.{ending}")
    return 0


def ablate(options: argparse.Namespace) -> int:
    """Train, test and score a grid of configurations, and compare each with the first."""
    from rich.console import Console

    from siamtrack import ablation
    from siamtrack.ablation import report
    from siamtrack.ablation.job import Benchmark
    from siamtrack.ablation.run import all_devices
    from siamtrack.ablation.study import study

    options.dataset, _, options.split = options.test_set.partition(":")
    axes = [ablation.parse_axis(text) for text in options.axis]
    if options.variant:
        axes.append(ablation.parse_variants(options.variant))
    root = ["--data-root", options.data_root] if options.data_root else []
    opened = [*root, *_given("--split", options.split), *_given("--sequences", options.sequences)]
    made = study(
        ablation.grid(options.cfg, axes, options.overrides),
        seeds=options.seeds,
        benchmark=Benchmark(options.dataset, _truths(options), options.protocol, tuple(opened)),
        output=Path(options.output),
        devices=all_devices(),
        train_arguments=root,
        plugins=options.plugin,
    )
    Console().print(report.terminal(made))
    for path in report.write_report(Path(options.output), made):
        print(path)
    return 0 if made.complete else INCOMPLETE


def convert(options: argparse.Namespace) -> int:
    """Turn an official checkpoint into ours."""
    from siamtrack import config
    from siamtrack.models.convert import convert as run
    from siamtrack.registry import load_plugins

    cfg = config.load(options.cfg, options.overrides, options.plugin)
    load_plugins(cfg.PLUGINS)
    report = run(options.official, cfg, options.output)
    print(report)
    return 0


def quickstart(options: argparse.Namespace) -> int:
    """Draw a small world, train a SiamBAN on it, test it on held-out sequences, and show what came of it."""
    started = time.perf_counter()
    # threads that do not spin while they wait: where cores are shared, spinning makes a step several times as long.
    # Read by OpenMP when torch is imported; GNU's takes a number of turns, which wake up sooner than sleepers do.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    from siamtrack.quickstart.pipeline import quickstart as run

    run(options.output, options.seed, options.cfg, options.overrides, device=options.device, started=started)
    return 0


def data_check(options: argparse.Namespace) -> int:
    """Say what a data set's folder should hold and what is wrong with it."""
    from siamtrack.data.check import check

    report = check(options.name, options.root)
    print(report)
    return 0 if report.ok else INCOMPLETE


def model_describe(options: argparse.Namespace) -> int:
    """Say what a configuration's network is made of: parts, shapes, parameters, multiply-adds."""
    from siamtrack import config
    from siamtrack.models.describe import describe
    from siamtrack.registry import load_plugins

    cfg = config.load(options.cfg, options.overrides, options.plugin)
    load_plugins(cfg.PLUGINS)
    description = describe(cfg, _kept_templates(cfg) if options.templates is None else options.templates)
    print(description)
    if options.json:
        Path(options.json).write_text(json.dumps(description.to_dict(), indent=1) + "\n", encoding="utf-8")
    return 0


# Their pieces -------------------------------------------------------------------------------------------------------


def _kept_templates(cfg: Any) -> int:
    """How many templates the tracker of a configuration keeps."""
    import torch

    from siamtrack.tracking import build_tracker

    with torch.device("meta"):
        return build_tracker(cfg, device="meta").templates


def _tracker_for_test(options: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The tracker of ``--checkpoint``, ``--cfg`` (its newest one) or ``--baseline``, and what meta.json says of it."""
    from siamtrack import config
    from siamtrack.tracking import load_tracker
    from siamtrack.tracking.baselines import baseline

    if options.baseline:
        return baseline(options.baseline), {"baseline": options.baseline}
    checkpoint = Path(options.checkpoint) if options.checkpoint else _newest_checkpoint(options, config)
    tracker = load_tracker(checkpoint, options.device, tuple(options.overrides))
    tracker.name = options.name or tracker.name
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    return tracker, {"checkpoint": checkpoint.name, "sha256": digest, "overrides": list(options.overrides)}


def _newest_checkpoint(options: argparse.Namespace, config: Any) -> Path:
    from siamtrack.engine.checkpoint import Checkpoints

    output = _output(config.load(options.cfg), options.cfg)
    newest = Checkpoints(output / "checkpoints").newest()
    if newest is None:
        raise ValueError(f"{output}: holds no checkpoint; train first, or name one by --checkpoint.")
    return Path(newest.weights)


def _output(cfg: Any, path: str) -> Path:
    """The folder of a configuration's run."""
    return Path(cfg.OUTPUT or Path("experiments") / _run_name(path))


def _run_name(cfg: str) -> str:
    """A folder name for a configuration file: ``configs/siamban/r50.yaml`` -> ``siamban-r50``."""
    path = Path(cfg)
    parent = path.resolve().parent.name
    return path.stem if parent in ("", "configs") else f"{parent}-{path.stem}"


def _listed(names: str | None) -> list[str] | None:
    return names.split(",") if names else None


def _pairs(options: argparse.Namespace) -> dict[str, str]:
    """The reader's options that were given."""
    return {"split": options.split} if options.split else {}


def _given(option: str, value: str | None) -> list[str]:
    """An option for a command that is called in turn, if it has a value."""
    return [option, value] if value else []


def _truths(options: argparse.Namespace) -> list[Any]:
    """The annotations of a data set as the evaluation reads them."""
    from siamtrack.data.readers import open_dataset
    from siamtrack.evaluation import Truth

    sequences = open_dataset(
        options.dataset, options.data_root, sequences=_listed(options.sequences), **_pairs(options)
    )
    return [
        Truth(
            s.name,
            s.file_boxes,
            visible=s.visible,
            cover=s.cover,
            resolution=_resolution(s) if s.cover is not None else None,
            attributes=frozenset(s.attributes),
        )
        for s in sequences
    ]


def _resolution(sequence: Any) -> tuple[int, int]:
    """(width, height) of a sequence's first frame."""
    height, width = sequence.frames[0].shape[:2]
    return width, height


# The parser ---------------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="siamtrack", description="Train, test and evaluate Siamese trackers.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    p = _command(commands, "train", train)
    _configuration(p, required=True)
    p.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in the output folder")
    p.add_argument("--output", help="the run's folder (default: experiments/<name of the configuration>)")
    _data_root(p)

    p = _command(commands, "test", test)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", help="a .safetensors file; it carries its configuration")
    source.add_argument("--cfg", help="a configuration that was trained: its newest checkpoint is tested")
    source.add_argument(
        "--baseline", metavar="NAME", help="static (the first box for ever), or one of OpenCV's, as MIL"
    )
    p.add_argument("--dataset", required=True, help="OTB100, VOT2018, UAV123, LaSOT, GOT-10k, folder, video, ...")
    _data_root(p)
    _selection(p)
    p.add_argument(
        "--output", default="results", help="folder for <dataset>/<tracker>/<sequence>.txt (default: results)"
    )
    p.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: the GPU if there is one)")
    p.add_argument("--name", help="what the tracker is called in results and tables")
    _overrides(p, "TRACK.PENALTY_K 0.05")

    p = _command(commands, "eval", evaluate)
    p.add_argument("--results", required=True, help="folder with <dataset>/<tracker>/, or of one data set or tracker")
    p.add_argument("--dataset", required=True, help="as in siamtrack test")
    _data_root(p)
    _selection(p)
    p.add_argument(
        "--protocol", default="", help="pysot, got10k, pytracking, official, matlab-otb (default: the usual one)"
    )
    p.add_argument("--trackers", help="names separated by commas (default: all that have results)")
    p.add_argument("--json", metavar="J", help="write rows of tracker, benchmark, protocol, metric, value")
    p.add_argument("--markdown", metavar="F", help="write the table as markdown")
    p.add_argument("--latex", metavar="F", help="write the table as LaTeX")
    p.add_argument("--plots", metavar="FOLDER", help="draw the success and precision plots into it")

    p = _command(commands, "ablate", ablate)
    _configuration(p, required=True)
    p.add_argument(
        "--axis",
        action="append",
        default=[],
        metavar="KEY=A,B",
        help="values of a key, or cfg=a.yaml,b.yaml; repeatable",
    )
    p.add_argument(
        "--variant", action="append", default=[], metavar="'NAME: KEY VALUE ...'",
        help="one of several compound edits, together an axis more",
    )  # fmt: skip
    p.add_argument("--seeds", type=int, default=1, help="runs of each variant (default: 1)")
    _data_root(p)
    p.add_argument("--test-set", required=True, metavar="NAME[:SPLIT]", help="what is tracked: OTB100, got10k:val, ...")
    p.add_argument("--sequences", help="of the test set, separated by commas (default: all)")
    p.add_argument("--protocol", default="", help="as in siamtrack eval (default: the test set's usual one)")
    p.add_argument("--output", required=True, help="the study's folder, such as experiments/correlations")

    p = _command(commands, "convert", convert)
    p.add_argument("official", metavar="OFFICIAL.pth", help="the original's checkpoint")
    _configuration(p, required=True)
    p.add_argument("-o", "--output", required=True, metavar="OURS.safetensors")

    p = _command(commands, "quickstart", quickstart)
    p.add_argument("--seed", type=int, default=0, help="of the world and of training (default: 0)")
    p.add_argument("--output", default="experiments/quickstart", help="(default: experiments/quickstart)")
    p.add_argument("--cfg", default=str(QUICKSTART), help="what is trained (default: configs/quickstart.yaml)")
    p.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: the GPU if there is one)")
    _overrides(p, "TRAIN.EPOCHS 12")

    data = commands.add_parser("data", help="Look at data sets.").add_subparsers(dest="what", required=True)
    p = _command(data, "check", data_check)
    p.add_argument("name", help="OTB100, GOT-10k, ...")
    p.add_argument("root", help="its folder, or one that holds it")

    model = commands.add_parser("model", help="Look at networks.").add_subparsers(dest="what", required=True)
    p = _command(model, "describe", model_describe)
    _configuration(p, required=True)
    p.add_argument("--templates", type=int, help="how many are remembered (default: as many as its tracker keeps)")
    p.add_argument("--json", metavar="J", help="write the same as JSON")
    return top


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
    made.set_defaults(run=run)
    return made


def _configuration(p: argparse.ArgumentParser, required: bool) -> None:
    p.add_argument("--cfg", required=required, help="a YAML file, see configs/")
    p.add_argument("--plugin", action="append", default=[], metavar="MODULE", help="a module that registers parts")
    _overrides(p, "TRAIN.BATCH 16")


def _overrides(p: argparse.ArgumentParser, example: str) -> None:
    p.set_defaults(overrides=[])
    p.epilog = f"Everything else on the line is KEY VALUE pairs that override the configuration, such as {example}."


def _data_root(p: argparse.ArgumentParser) -> None:
    p.add_argument("--data-root", help="the data set's folder, or one that holds it (default: $SIAMTRACK_DATA)")


def _selection(p: argparse.ArgumentParser) -> None:
    p.add_argument("--split", help="of data sets that have several: train, val, test")
    p.add_argument("--sequences", help="names separated by commas (default: all)")


if __name__ == "__main__":
    sys.exit(main())
