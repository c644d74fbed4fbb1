"""Opening a training set: its index in a mapped file against the JSON that pysot's family keeps.

    python benchmarks/open_dataset.py --json benchmarks/results/open_dataset.json

A made-up set in GOT-10k's layout, 10,000 sequences of 150 boxes, and the same boxes as ``{video: {track: {frame: [x1,
y1, x2, y2]}}}``. The other side is what every process of a training run does with that file: load it, drop boxes
without area, sort the frames. Ours opens the data set, sees by size and time of every annotation file whether anything
has changed, maps the index, and reads a box and a path. Rows: the second time, for which the goal is below a second;
the second time without the look at the files; the first time, which reads all annotation. The boxes of both sides are
compared before anything is timed. Rounds alternate; times are medians of rounds, in milliseconds of CPU time of all
threads, with wall time beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import row, write

from siamtrack.data.cache import open_index, read_index
from siamtrack.data.index import TrackIndex
from siamtrack.data.readers import open_dataset

Videos = dict[str, dict[str, dict[str, list[float]]]]


def make(root: Path, sequences: int, boxes: int) -> Path:
    """Write the data set and the JSON; the path of the latter."""
    rng = np.random.default_rng(0)
    train = root / "GOT-10k" / "train"
    content: Videos = {}
    names = [f"GOT-10k_Train_{number + 1:06d}" for number in range(sequences)]
    for name in names:
        folder = train / name
        folder.mkdir(parents=True)
        (folder / "00000001.jpg").touch()  # the one file that a reader looks for; frames are not opened
        corner, size = rng.uniform(0, 900, (boxes, 2)), rng.uniform(-2, 300, (boxes, 2)).clip(0)
        xywh = np.concatenate([corner, size], 1).round(4)
        (folder / "groundtruth.txt").write_text("".join("{:.4f},{:.4f},{:.4f},{:.4f}\n".format(*box) for box in xywh))
        (folder / "absence.label").write_text("0\n" * boxes)
        corners = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1).round(4).tolist()
        content[name] = {"00": {f"{frame:06d}": box for frame, box in enumerate(corners)}}
    (train / "list.txt").write_text("\n".join(names) + "\n")
    path = root / "train.json"
    path.write_text(json.dumps(content))
    return path


# The straightforward way ---------------------------------------------------------------------------------------------


def load_json(path: Path) -> Videos:
    """What each process of a run does: load, drop boxes without area and empty tracks, sort the frames."""
    with path.open() as file:
        content = json.load(file)
    kept: Videos = {}
    for video, tracks in content.items():
        usable = {}
        for track, frames in tracks.items():
            boxes = {number: box for number, box in frames.items() if box[2] > box[0] and box[3] > box[1]}
            if boxes:
                usable[track] = {number: boxes[number] for number in sorted(boxes, key=int)}
        if usable:
            kept[video] = usable
    return kept


# Ours ----------------------------------------------------------------------------------------------------------------


def opened(root: Path) -> TrackIndex:
    """As training opens it, and one read of it."""
    return looked_into(open_index(open_dataset("got10k", root, split="train")))


def looked_into(index: TrackIndex) -> TrackIndex:
    row = len(index.boxes) // 2
    assert index.box(np.array([row]))[0, 2] > 0
    assert index.path(row).endswith(".jpg")
    return index


# The measurement -----------------------------------------------------------------------------------------------------


def check(index: TrackIndex, videos: Videos) -> None:
    """Refuses to go on unless both sides hold the same tracks, frames and boxes."""
    names = [index.names[i] for i in range(len(index.names))]
    theirs = np.array([box for video in names for box in videos[video]["00"].values()])
    frames = np.array([int(number) for video in names for number in videos[video]["00"]])
    ours = np.concatenate([index.boxes[:, :2], index.boxes[:, :2] + index.boxes[:, 2:]], 1)
    same = sorted(names) == sorted(videos) and np.array_equal(frames, index.frames)
    if not same or np.abs(ours - theirs).max() > 2e-4:
        raise SystemExit("the index and the JSON do not hold the same boxes")


def compare(name: str, ours: Callable[[], Any], other: Callable[[], Any], rounds: int, **more: Any) -> dict[str, Any]:
    """A row: rounds in turn."""
    spent: dict[str, list[tuple[float, float]]] = {"ours": [], "other": []}
    for _ in range(rounds):
        for side, work in (("ours", ours), ("other", other)):
            cpu, wall = time.process_time(), time.perf_counter()
            work()
            spent[side].append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = ({side: 1e3 * statistics.median(t[i] for t in times) for side, times in spent.items()} for i in (0, 1))
    return row(name, cpu["ours"], cpu["other"], "ms", ours_wall=wall["ours"], other_wall=wall["other"], **more)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=10_000)
    parser.add_argument("--boxes", type=int, default=150, help="in each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="F", help="write the rows there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        os.environ["SIAMTRACK_CACHE"] = str(root / "cache")
        path = make(root, args.sequences, args.boxes)
        index = opened(root)
        check(index, load_json(path))
        sizes = {"index_bytes": os.path.getsize(index.file), "json_bytes": path.stat().st_size}
        what = f"open {args.sequences} sequences"

        def first() -> None:
            shutil.rmtree(root / "cache")
            opened(root)

        rows = [
            compare(what, lambda: opened(root), lambda: load_json(path), args.rounds, **sizes),
            compare(
                f"{what}, mapped", lambda: looked_into(read_index(index.file)), lambda: load_json(path), args.rounds
            ),
            compare(f"{what}, first time", first, lambda: load_json(path), max(args.rounds // 2, 1)),
        ]
        write(rows, args.json)


if __name__ == "__main__":
    main()
