"""``siamtrack train``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from siamtrack.commands.options import command, configuration, data_root
from siamtrack.commands.runs import output_folder


def add(commands: Any) -> None:
    p = command(commands, "train", run)
    configuration(p)
    p.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in the output folder")
    p.add_argument("--output", help="the run's folder (default: experiments/<name of the configuration>)")
    data_root(p)


def run(options: argparse.Namespace) -> int:
    """Train what a configuration describes."""
    from siamtrack import config
    from siamtrack.engine.task import tasks
    from siamtrack.engine.train import train
    from siamtrack.registry import load_plugins
    from siamtrack.tracking.task import TrackingTask  # noqa: F401 - registers itself

    cfg = config.load(options.cfg, options.overrides, options.plugin)
    load_plugins(cfg.PLUGINS)
    output = Path(options.output) if options.output else output_folder(cfg, options.cfg)
    if os.environ.get("RANK", "0") == "0":
        print(config.dump(cfg), flush=True)
    task = tasks.build(cfg.TASK, cfg=cfg, data_root=options.data_root)
    train(cfg, task, output, resume=options.resume)
    return 0
