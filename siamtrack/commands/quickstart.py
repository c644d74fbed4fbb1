"""``siamtrack quickstart``."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from siamtrack.commands.options import command, overrides

CONFIGURATION = Path(__file__).resolve().parents[2] / "configs" / "quickstart.yaml"


def add(commands: Any) -> None:
    p = command(commands, "quickstart", run)
    p.add_argument("--seed", type=int, default=0, help="of the world and of training (default: 0)")
    p.add_argument("--output", default="experiments/quickstart", help="(default: experiments/quickstart)")
    p.add_argument("--cfg", default=str(CONFIGURATION), help="what is trained (default: configs/quickstart.yaml)")
    p.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: the GPU if there is one)")
    overrides(p, "TRAIN.EPOCHS 20")


def run(options: argparse.Namespace) -> int:
    """Draw a small world, train a SiamBAN on it, test it on held-out sequences, and show what came of it."""
    started = time.perf_counter()
    # threads that do not spin while they wait: where cores are shared, spinning makes a step several times as long.
    # Read by OpenMP when torch is imported; GNU's takes a number of turns, which wake up sooner than sleepers do.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    from siamtrack.quickstart.pipeline import quickstart

    quickstart(options.output, options.seed, options.cfg, options.overrides, device=options.device, started=started)
    return 0
