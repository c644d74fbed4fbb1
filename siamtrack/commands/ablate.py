"""``siamtrack ablate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from siamtrack.commands.benchmark import open_truths
from siamtrack.commands.options import INCOMPLETE, command, configuration, data_root, given


def add(commands: Any) -> None:
    p = command(commands, "ablate", run)
    configuration(p)
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
    data_root(p)
    p.add_argument("--test-set", required=True, metavar="NAME[:SPLIT]", help="what is tracked: OTB100, got10k:val, ...")
    p.add_argument("--test-root", help="where the test set lies (default: as --data-root)")
    p.add_argument("--sequences", help="of the test set, separated by commas (default: all)")
    p.add_argument("--protocol", default="", help="as in siamtrack eval (default: the test set's usual one)")
    p.add_argument("--output", required=True, help="the study's folder, such as experiments/correlations")


def run(options: argparse.Namespace) -> int:
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
    train_root = given("--data-root", options.data_root)
    options.data_root = options.test_root or options.data_root
    opened = [
        *given("--data-root", options.data_root),
        *given("--split", options.split),
        *given("--sequences", options.sequences),
    ]
    made = study(
        ablation.grid(options.cfg, axes, options.overrides),
        seeds=options.seeds,
        benchmark=Benchmark(options.dataset, open_truths(options), options.protocol, tuple(opened)),
        output=Path(options.output),
        devices=all_devices(),
        train_arguments=train_root,
        plugins=options.plugin,
    )
    Console().print(report.terminal(made))
    for path in report.write_report(Path(options.output), made):
        print(path)
    return 0 if made.complete else INCOMPLETE
