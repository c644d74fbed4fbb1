"""``siamtrack data``: look at data sets, and pack them for training."""

from __future__ import annotations

import argparse
from typing import Any

from siamtrack.commands.options import INCOMPLETE, command


def add(commands: Any) -> None:
    data = commands.add_parser("data", help="Look at data sets, and pack them for training.").add_subparsers(
        dest="what", required=True
    )
    p = command(data, "check", check)
    p.add_argument("name", help="OTB100, GOT-10k, ...")
    p.add_argument("root", help="its folder, or one that holds it")

    p = command(data, "pack", pack)
    p.add_argument("name", help="OTB100, GOT-10k, ...")
    p.add_argument("root", help="its folder, or one that holds it")
    p.add_argument("output", help="the packed data set's own folder; use it wherever the other was used")
    p.add_argument("--split", help="where the data set needs it to be found; all splits in its folder are packed")
    p.add_argument("--shard-size", type=float, default=1024, metavar="MB", help="of a shard (default: %(default)g)")
    p.add_argument("--jobs", type=int, help="processes (default: one per core)")


def check(options: argparse.Namespace) -> int:
    """Say what a data set's folder should hold and what is wrong with it."""
    from siamtrack.data.check import check as look

    report = look(options.name, options.root)
    print(report)
    return 0 if report.ok else INCOMPLETE


def pack(options: argparse.Namespace) -> int:
    """Pack a data set's images into shards, JPEGs as lossless tiles of which the loader decodes only what a crop shows.

    What is interrupted goes on when the same command is given again.
    """
    from tqdm import tqdm

    from siamtrack.data.packed.pack import pack as run

    report = run(
        options.name,
        options.root,
        options.output,
        shard_size=int(options.shard_size * 2**20),
        jobs=options.jobs,
        progress=lambda images, total: tqdm(images, total=total, unit="image", disable=None),
        **({"split": options.split} if options.split else {}),
    )
    print(report)
    return 0
