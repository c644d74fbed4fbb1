"""``siamtrack demo``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from siamtrack.commands.options import command, overrides
from siamtrack.commands.runs import newest_of, run_folder


def add(commands: Any) -> None:
    p = command(commands, "demo", run)
    p.add_argument("video", metavar="VIDEO", help="a video file, or a folder of frames")
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", help="a .safetensors file; it carries its configuration")
    source.add_argument("--cfg", help="a configuration that was trained: its newest checkpoint is taken")
    source.add_argument("--run", metavar="FOLDER", dest="trained", help="a training run's folder, likewise")
    source.add_argument("--baseline", metavar="NAME", help="static, or one of OpenCV's, as MIL")
    p.add_argument(
        "--init", metavar="X,Y,W,H", help="the target in the first frame, px (default: from ground truth beside it)"
    )
    p.add_argument("-o", "--output", metavar="OUT.mp4", help="(default: <video>-tracked.mp4 in the working directory)")
    p.add_argument("--device", help="cpu, cuda, cuda:1, ... (default: the GPU if there is one)")
    overrides(p, "TRACK.PENALTY_K 0.05")


def run(options: argparse.Namespace) -> int:
    """Track a target in one's own video, and write the video with its boxes."""
    from siamtrack.tracking.demo import demo, open_video
    from siamtrack.tracking.recipe import FromBaseline, FromCheckpoint

    sequence = open_video(Path(options.video), _box(options.init))
    if options.baseline:
        recipe: Any = FromBaseline.of(options.baseline)
    else:
        checkpoint = Path(options.checkpoint or newest_of(run_folder(options.cfg, options.trained)))
        recipe = FromCheckpoint.of(checkpoint, options.overrides)
    output = Path(options.output or f"{Path(options.video).resolve().stem}-tracked")
    if output.suffix.lower() in (".mp4", ".avi"):
        output = output.with_suffix("")
    video, boxes, track = demo(recipe.build(options.device), sequence, output)
    print(f"{recipe.name}: {len(track.boxes)} frames, {len(track.seconds) / track.seconds.sum():.0f} a second")
    print(video, boxes, sep="\n")
    return 0


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    """``120,80,60,40`` as numbers.

    Raises:
        ValueError: not four of them.
    """
    if text is None:
        return None
    try:
        x, y, w, h = map(float, text.split(","))
    except ValueError:
        raise ValueError(f"--init {text!r}: should be X,Y,W,H, as in 120,80,60,40.") from None
    return x, y, w, h
