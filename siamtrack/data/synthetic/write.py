"""The synthetic world as a data set on disk, in GOT-10k's layout."""

from __future__ import annotations

import json
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from siamtrack.data.synthetic.scene import HEIGHT, SPLITS, WIDTH, Scene, random_scene

log = logging.getLogger(__name__)

WORLD = 3  # raise it whenever the same seed gives other frames
JPEG_QUALITY = 90
_RECORD = "world.json"
_UNFINISHED = ".drawing-"


def write_dataset(
    root: str | os.PathLike[str],
    seed: int,
    train: int = 400,
    test: int = 24,
    train_frames: int = 10,
    test_frames: int = 40,
    progress: bool = True,
    workers: int | None = None,
) -> Path:
    """Draw the world ``seed`` into ``root``, or what is missing of it.

    A sequence is drawn into a folder of another name and renamed when it is whole, and ``list.txt`` is written
    last: killed at any point and called again, this goes on where it was. Bytes depend on seed, split and number
    of a sequence alone, not on how many are drawn or by how many workers. For one process at a time.

    Args:
        root: folder that gets ``train/`` and ``test/`` as GOT-10k has them, made if it is not there.
        seed: of the world, >= 0.
        train: training sequences, >= 0.
        test: test sequences, >= 0; each has look-alikes, an occlusion or both, and textures of its own.
        train_frames: frames of a training sequence, picked from a longer motion.
        test_frames: frames of a test sequence, one after the other.
        progress: whether to show a progress bar (on a terminal only).
        workers: threads; by default one per CPU core, at most 8.

    Returns:
        ``root``.

    Raises:
        ValueError: ``root`` holds another world.
    """
    root = Path(root)
    counts, frames = {"train": train, "test": test}, {"train": train_frames, "test": test_frames}
    _claim(root, {"world": WORLD, "seed": seed, "train_frames": train_frames, "test_frames": test_frames})
    for split in SPLITS:
        (root / split).mkdir(exist_ok=True)
        for left_over in (root / split).glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left_over)
    missing = [
        (split, number)
        for split in SPLITS
        for number in range(counts[split])
        if not (root / split / sequence_name(split, number)).is_dir()
    ]
    with ThreadPoolExecutor(workers or min(os.cpu_count() or 1, 8)) as pool:
        jobs = [pool.submit(_write_sequence, root, seed, split, number, frames[split]) for split, number in missing]
        try:
            for job in tqdm(
                as_completed(jobs),
                total=len(jobs),
                desc="drawing sequences",
                unit="seq",
                disable=None if progress and jobs else True,
            ):
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for split in SPLITS:
        names = [sequence_name(split, number) for number in range(counts[split])]
        _replace(root / split / "list.txt", "".join(f"{name}\n" for name in names))
    log.info("synthetic world %d: %d sequences drawn, %d were there", seed, len(missing), train + test - len(missing))
    return root


def sequence_name(split: str, number: int) -> str:
    """Folder of sequence ``number`` (from 0), in GOT-10k's manner of counting from 1."""
    return f"Synthetic_{split.capitalize()}_{number + 1:06d}"


def cover_level(visible: float) -> int:
    """GOT-10k's level of visibility: 0 = nothing, 1 = up to 15 %, in steps of 15 % to 6; 7 = below, 8 = 100 %."""
    if visible >= 1:
        return 8
    return int(np.searchsorted([0.0, 0.15, 0.30, 0.45, 0.60, 0.75, 0.90], visible, side="left"))


def attributes(scene: Scene, visible: np.ndarray) -> list[str]:
    """What makes a sequence hard, in the benchmarks' words.

    Args:
        scene: the sequence.
        visible: ``[T]`` share of the target seen in each frame.
    """
    size = scene.boxes[:, 2:]
    area, aspect = np.sqrt(size.prod(1)), size[:, 0] / size[:, 1]
    step = np.linalg.norm(np.diff(scene.target.centre, axis=0), axis=1) / np.maximum(np.diff(scene.times), 1)
    signs = {
        "look-alikes": scene.look_alikes > 0,
        "occlusion": visible.min() < 0.95,
        "camouflage": scene.camouflage,
        "scale change": area.max() > 1.5 * area.min(),
        "aspect change": aspect.max() > 1.3 * aspect.min(),
        "illumination change": scene.lens.gain.mean(1).max() > 1.25 * scene.lens.gain.mean(1).min(),
        "camera motion": np.ptp(scene.backdrop.shift, axis=0).max() > 5,
        "fast motion": len(step) > 0 and step.max() > 0.15 * area.mean(),
    }
    return [name for name, present in signs.items() if present]


def _claim(root: Path, world: dict[str, int]) -> None:
    """Write down which world ``root`` holds, or refuse if it is another."""
    root.mkdir(parents=True, exist_ok=True)
    record = root / _RECORD
    if not record.exists():
        _replace(record, json.dumps(world) + "\n")
        return
    found = json.loads(record.read_text())
    if found != world:
        raise ValueError(f"{record} says that this folder holds the world {found}, not {world}; take another folder")


def _write_sequence(root: Path, seed: int, split: str, number: int, frames: int) -> None:
    scene = random_scene(seed, split, number, frames)
    name = sequence_name(split, number)
    folder = root / split / f"{_UNFINISHED}{name}"
    folder.mkdir()
    visible = np.empty(len(scene))
    for t in range(len(scene)):
        frame = scene.draw(t)
        visible[t] = frame.visible
        bgr = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        (folder / f"{t + 1:08d}.jpg").write_bytes(jpeg.tobytes())
    rows = (",".join(f"{value:.4f}" for value in box) for box in scene.boxes)
    (folder / "groundtruth.txt").write_text("".join(f"{row}\n" for row in rows))
    (folder / "absence.label").write_text("0\n" * len(scene))  # a target never leaves the frame, nor touches its edge
    (folder / "cut_by_image.label").write_text("0\n" * len(scene))
    (folder / "cover.label").write_text("".join(f"{cover_level(share)}\n" for share in visible))
    meta = {
        "url": "drawn, not filmed",
        "anno_fps": "10Hz",
        "object_class": "synthetic",
        "resolution": f"({WIDTH}, {HEIGHT})",
        "seed": seed,
        "attributes": ", ".join(attributes(scene, visible)) or "none",
    }
    (folder / "meta_info.ini").write_text("[METAINFO]\n" + "".join(f"{key}: {value}\n" for key, value in meta.items()))
    folder.rename(root / split / name)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_name(f"{_UNFINISHED}{path.name}")
    unfinished.write_text(text)
    unfinished.replace(path)
