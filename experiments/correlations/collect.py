"""Gather sequences of several benchmarks as one data set of the kind `folder`, for an ablation tested on all of them.

    python experiments/correlations/collect.py SEQUENCES OUTPUT

Frames are linked, not copied; boxes are written as x, y, w, h counted from 0, whatever the benchmark counts from.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from siamtrack.data.readers import open_dataset

# none of them is trained on: see config.yaml of experiments/real_small
HELD_OUT = (
    ("OTB100", {"sequences": ["Couple", "FaceOcc1"]}),
    ("UAV123@10fps", {}),
    ("VOT2018", {}),
    ("LaSOT", {}),
    ("GOT-10k", {"split": "val"}),
)


def collect(sequences: Path, output: Path) -> None:
    """Link the held-out sequences below ``sequences`` into ``output``."""
    for name, options in HELD_OUT:
        for sequence in open_dataset(name, sequences, **options):
            folder = output / f"{name}-{sequence.name}"
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(len(sequence.boxes)):
                source = Path(sequence.frames.path(number)).resolve()
                link = folder / f"{number + 1:08d}{source.suffix}"
                link.unlink(missing_ok=True)
                link.symlink_to(source)
            # frames without the target are rows of NaN, which readers take for that
            np.savetxt(folder / "groundtruth.txt", sequence.boxes, fmt="%.4f", delimiter=",")
            print(f"{folder.name}: {len(sequence.boxes)} frames")


if __name__ == "__main__":
    collect(Path(sys.argv[1]), Path(sys.argv[2]))
