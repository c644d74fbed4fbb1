"""``siamtrack pack``."""

from __future__ import annotations

import argparse
from typing import Any

from siamtrack.commands.benchmark import Opened, open_benchmarks, vot_truth
from siamtrack.commands.options import command, data_root, selection

DATASETS = {"got10k": "got10k:test", "trackingnet": "TrackingNet", "vot": ""}


def add(commands: Any) -> None:
    p = command(commands, "pack", run)
    p.add_argument("kind", choices=tuple(DATASETS), help="whose server it is for")
    p.add_argument("results", metavar="RESULTS", help="one tracker's folder, such as results/got10k/my-tracker")
    p.add_argument("-o", "--output", required=True, metavar="OUT.zip")
    p.add_argument("--dataset", help="what was tracked (default: got10k:test, TrackingNet; for vot name the edition)")
    data_root(p)
    selection(p)


def run(options: argparse.Namespace) -> int:
    """Check a tracker's results against what a server wants, and zip them."""
    from siamtrack.evaluation.pack import pack_got10k, pack_trackingnet

    dataset = options.dataset or DATASETS[options.kind]
    if not dataset:
        raise ValueError("pack vot: name the edition by --dataset, such as VOT2022.")
    (opened, *others) = open_benchmarks(options, dataset)
    if others or opened.unopened:
        raise ValueError(next(iter(opened.unopened.values()), f"--dataset {dataset}: one is packed at a time."))
    if options.kind == "vot":
        from siamtrack.evaluation.vot.pack import pack_vot

        truths = [vot_truth(sequence) for sequence in opened.sequences]
        packed = pack_vot(options.results, truths, opened.name, options.output)
    else:
        pack = pack_got10k if options.kind == "got10k" else pack_trackingnet
        packed = pack(options.results, _expected(opened, first=options.kind == "got10k"), options.output)
    print(f"{packed.path}: {packed.files} files of {len(opened.sequences)} sequences")
    return 0


def _expected(opened: Opened, first: bool) -> dict[str, Any]:
    from siamtrack.evaluation.pack import Expected

    return {s.name: Expected(len(s), s.file_boxes[0] if first else None) for s in opened.sequences}
