"""``siamtrack train``."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
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
    with _stop_marked(output):
        task = tasks.build(cfg.TASK, cfg=cfg, data_root=options.data_root)
        weights = train(cfg, task, output, resume=options.resume)
    if os.environ.get("RANK", "0") == "0":
        print(f"trained: {weights}; siamtrack test --run {output} --dataset NAME tests it", flush=True)
    return 0


@contextlib.contextmanager
def _stop_marked(output: Path) -> Iterator[None]:
    """Leave a file ``stopped`` in the run's folder if the run was asked to stop, and take away an older one.

    A launcher such as torchrun turns the run's exit code 75 into its own 1, the code of every failure; the file tells
    the script around it that the run wants to be started again.
    """
    from siamtrack.engine.interruption import Interrupted

    main, mark = os.environ.get("RANK", "0") == "0", output / "stopped"
    with contextlib.suppress(OSError):  # a folder that cannot be written is the run's to complain of
        if main:
            mark.unlink(missing_ok=True)
    try:
        yield
    except Interrupted:
        with contextlib.suppress(OSError):  # disk full: the exit code still tells
            if main:
                mark.touch()
        raise
