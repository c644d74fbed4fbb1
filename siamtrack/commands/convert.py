"""``siamtrack convert``."""

from __future__ import annotations

import argparse
from typing import Any

from siamtrack.commands.options import command, configuration


def add(commands: Any) -> None:
    p = command(commands, "convert", run)
    p.add_argument("official", metavar="OFFICIAL.pth", help="the original's checkpoint")
    configuration(p)
    p.add_argument("-o", "--output", required=True, metavar="OURS.safetensors")


def run(options: argparse.Namespace) -> int:
    """Turn an official checkpoint into ours."""
    from siamtrack import config
    from siamtrack.models.convert import convert
    from siamtrack.registry import load_plugins

    cfg = config.load(options.cfg, options.overrides, options.plugin)
    load_plugins(cfg.PLUGINS)
    report = convert(options.official, cfg, options.output)
    print(report)
    return 0
