"""``siamtrack test``."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

from siamtrack.commands.benchmark import open_sequences
from siamtrack.commands.options import INCOMPLETE, command, data_root, overrides, selection
from siamtrack.commands.runs import newest_checkpoint


def add(commands: Any) -> None:
    p = command(commands, "test", run)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", help="a .safetensors file; it carries its configuration")
    source.add_argument("--cfg", help="a configuration that was trained: its newest checkpoint is tested")
    source.add_argument(
        "--baseline", metavar="NAME", help="static (the first box for ever), or one of OpenCV's, as MIL"
    )
    p.add_argument("--dataset", required=True, help="OTB100, VOT2018, UAV123, LaSOT, GOT-10k, folder, video, ...")
    data_root(p)
    selection(p)
    p.add_argument(
        "--output", default="results", help="folder for <dataset>/<tracker>/<sequence>.txt (default: results)"
    )
    p.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: the GPU if there is one)")
    p.add_argument("--name", help="what the tracker is called in results and tables")
    overrides(p, "TRACK.PENALTY_K 0.05")


def run(options: argparse.Namespace) -> int:
    """Track the sequences of a data set and write one result file each."""
    from siamtrack.tracking.run import run as track

    tracker, meta = _tracker(options)
    sequences = open_sequences(options)
    failures = track(tracker, sequences, Path(options.output), options.dataset, meta)
    for failure in failures:
        print(f"{failure.sequence}: {failure.reason}", file=sys.stderr)
    folder = Path(options.output) / options.dataset / tracker.name
    print(f"{len(sequences) - len(failures)} of {len(sequences)} sequences in {folder}")
    return INCOMPLETE if failures else 0


def _tracker(options: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The tracker of ``--checkpoint``, ``--cfg`` (its newest one) or ``--baseline``, and what meta.json says of it."""
    from siamtrack.tracking import load_tracker
    from siamtrack.tracking.baselines import baseline

    if options.baseline:
        return baseline(options.baseline), {"baseline": options.baseline}
    checkpoint = Path(options.checkpoint) if options.checkpoint else newest_checkpoint(options.cfg)
    tracker = load_tracker(checkpoint, options.device, tuple(options.overrides))
    tracker.name = options.name or tracker.name
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    return tracker, {"checkpoint": checkpoint.name, "sha256": digest, "overrides": list(options.overrides)}
