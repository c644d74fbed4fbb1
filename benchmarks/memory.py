"""Memory of a long training run: resident pages of the run's process and of its loader's worker, step after step.

    python benchmarks/memory.py --steps 100000 --epochs 20 --json benchmarks/results/memory.json

A small SiamBAN trains on a synthetic world with everything on that holds something from step to step: a worker process,
augmentation, logging, TensorBoard, an average of the weights, a checkpoint every 500 steps. What grows with steps is
seen in any network. After a tenth of the steps (heap and caches have their size then) memory should stand: the slope of
a straight line through the rest is recorded, in KiB per 1000 steps, and what it would come to in an hour at ten steps a
second. Once for all resident pages, and once for the anonymous ones among them, which are the run's own: those of files
(libraries, most of all) the kernel takes back and fetches again as it likes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import machine, versions

from siamtrack import config
from siamtrack.data.synthetic import write_dataset
from siamtrack.engine.task import tasks
from siamtrack.engine.train import train
from siamtrack.tracking.task import TrackingTask

SMALL = {
    "MODEL.BACKBONE.NAME": "convnet", "MODEL.BACKBONE.WIDTHS": [8, 8, 8], "MODEL.BACKBONE.STRIDES": [2, 2, 2],
    "MODEL.NECK.OUT": 8, "MODEL.CORRELATION.HIDDEN": 8, "MODEL.HEAD.HIDDEN": 8, "CROP.TEMPLATE_SIZE": 63,
    "CROP.SEARCH_SIZE": 127, "CROP.AREA_SIZE": 255, "DATA.SETS": [{"NAME": "got10k", "SPLIT": "train"}],
    "DATA.AUGMENT.SEARCH.SHIFT": 16.0, "DATA.WORKERS": 1, "TRAIN.BATCH": 2, "TRAIN.LOG_EVERY": 10,
    "TRAIN.SAVE_STEPS": 500, "TRAIN.KEEP": 2, "TRAIN.EMA": 0.999, "TRAIN.OPTIMIZER.LR": 0.001,
}  # fmt: skip
SAMPLES = 200  # of memory, over the run


KINDS = {"VmRSS:": "resident", "RssAnon:": "anonymous"}  # of /proc/<pid>/status


def resident() -> list[int]:
    """KiB of this process, then of its children together: of each kind."""
    children = [str(child.pid) for child in multiprocessing.active_children()]
    return [sum(_kib(process)[kind] for process in processes) for processes in (["self"], children) for kind in KINDS]


def _kib(process: str) -> dict[str, int]:
    rows = (line.split() for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows if row[0] in KINDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20000, help="(default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=4, help="they are spread over (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the record there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    per_epoch = options.steps // options.epochs
    every = max(options.steps // SAMPLES, 1)
    curve: list[list[int]] = []
    losses, seen = TrackingTask.losses, 0

    def watched(self: Any, model: Any, batch: Any) -> Any:
        nonlocal seen
        if seen % every == 0:
            curve.append([seen, *resident()])
        seen += 1
        return losses(self, model, batch)

    TrackingTask.losses = watched  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        world = write_dataset(Path(folder) / "world", 5, train=20, test=0, train_frames=6)
        more = {**SMALL, "TRAIN.EPOCHS": options.epochs, "DATA.SAMPLES_PER_EPOCH": 2 * per_epoch}
        cfg = config.load(overrides=[word for key, value in more.items() for word in (key, str(value))])
        began = time.perf_counter()
        train(cfg, tasks.build(cfg.TASK, cfg=cfg, data_root=str(world)), Path(folder) / "run", device="cpu")
        seconds = time.perf_counter() - began
    record = {"name": "resident memory over a run", "steps": seen, "seconds": round(seconds), **summary(curve, seen)}
    record |= {"curve": curve, "machine": machine(), "versions": versions()}
    print({key: value for key, value in record.items() if key != "curve"})
    if options.json:
        Path(options.json).write_text(json.dumps(record) + "\n", encoding="utf-8")


def summary(curve: list[list[int]], steps: int) -> dict[str, Any]:
    """Of the process and of its worker: MiB after a tenth of the steps and at the end, and the slope in between."""
    step, *sides = np.array([row for row in curve if row[0] >= steps / 10], np.float64).T
    told: dict[str, Any] = {}
    names = (f"{side}_{kind}" for side in ("process", "worker") for kind in KINDS.values())
    for name, kib in zip(names, sides, strict=True):
        slope = float(np.polyfit(step, kib, 1)[0])
        told[name] = {
            "MiB_after_a_tenth": round(float(kib[0]) / 1024, 2),
            "MiB_at_the_end": round(float(kib[-1]) / 1024, 2),
            "KiB_per_1000_steps": round(1000 * slope, 2),
            "MiB_per_hour_at_10_steps_a_second": round(36000 * slope / 1024, 2),
        }
    return told


if __name__ == "__main__":
    main()
