"""``siamtrack data``: look at data sets."""

from __future__ import annotations

import argparse
from typing import Any

from siamtrack.commands.options import INCOMPLETE, command


def add(commands: Any) -> None:
    data = commands.add_parser("data", help="Look at data sets.").add_subparsers(dest="what", required=True)
    p = command(data, "check", check)
    p.add_argument("name", help="OTB100, GOT-10k, ...")
    p.add_argument("root", help="its folder, or one that holds it")


def check(options: argparse.Namespace) -> int:
    """Say what a data set's folder should hold and what is wrong with it."""
    from siamtrack.data.check import check as look

    report = look(options.name, options.root)
    print(report)
    return 0 if report.ok else INCOMPLETE
