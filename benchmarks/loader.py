"""Training batches from files: siamtrack's loader against the straightforward way of pysot and STARK.

    python benchmarks/loader.py --json benchmarks/results/loader.json

One thread, one process, milliseconds of CPU time per sample. In every round each way makes four batches in
turn; the ratio is the median of the ratios of the rounds. All ways run on a heap that keeps its pages, so that none
pays for page faults (they are counted). "uint8 out" is what siamtrack hands to a device: uint8 crops and numbers per
sample; colours, blur and labels are made there. Rows that end in "augmented" do these on the same core as well.

Before anything is timed, the crops of every way are held against whole frames that are decoded and then cut by plain
OpenCV: at most one grey level.

Pictures are drawn (``scenes.py``); targets of whole frames have a side of h/12, h/6 or h/3 of the frame's height
(geometric mean, logarithm normal with deviation .3) and lie anywhere in it. Files are hot in the page cache.

How far to go: ``decode`` is the part of ours that the decoder alone takes for the same rectangles, so nothing around
it can make the ratio greater than ``other / decode``, which is recorded as ``possible``. Of a tiled file it is the
entropy decoding and transform of the tiles under the crop (a crop of side c touches about ``(c + 64) (c + 16)`` pixels
at 4:2:0), which no lossless format of the same coefficients can avoid; of an untouched file the entropy decoding of all
that lies above the crop's end.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from original_loaders import PysotPairs, StarkPairs, Video, stark_crop
from record import row, write
from scenes import SIZES, Pictures, draw_pictures, targets

from siamtrack import config
from siamtrack.contracts import Points, map_tensors
from siamtrack.crops import crop_policies
from siamtrack.data import picture
from siamtrack.data.augment import Augmentation, adjust_colours
from siamtrack.data.batches import BatchMaker, RawBatch
from siamtrack.data.decode import keep_heap
from siamtrack.data.index import index_sequences
from siamtrack.data.jpeg import nvimgcodec, region, tiles
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.sampling.pairs import PairSampler
from siamtrack.data.sequence import ImageFrames, Sequence
from siamtrack.targets.points import PointLabeller

ROOT = Path(__file__).resolve().parent.parent
BATCH = {"pysot": 28, "stark": 16}  # of the originals' configurations, on one GPU
TURN = 4  # batches one after the other, as a worker makes them: the first finds caches that other ways have emptied
WARM_UP = 3  # rounds until every heap has its size
ROUND = 1 << 12  # samples before a mixture is shuffled anew; of four videos it would be after every fourth sample
PARTS = (12, 6, 3)
CONFIGS = {"pysot": "configs/siamban/r50.yaml", "stark": "configs/stark/s50.yaml"}


# The ways -----------------------------------------------------------------------------------------------------------


def maker(style: str, videos: list[Video], decoder: picture.Decoder) -> BatchMaker:
    """Our side, as a run of the published configuration makes it."""
    cfg = config.load(ROOT / CONFIGS[style])
    sequences = [
        Sequence(str(number), ImageFrames(list(video.paths)), video.boxes) for number, video in enumerate(videos)
    ]
    mixture = Mixture([MixedSet(index_sequences("scenes", sequences), num_use=ROUND)], 0)
    return BatchMaker(
        crop_policies.build(cfg.CROP),
        mixture,
        PairSampler(mixture, negative=0.2 if style == "pysot" else 0.0),
        Augmentation(cfg.DATA.AUGMENT),
        decoder,
    )


def finished(style: str, raw: RawBatch) -> list[torch.Tensor]:
    """What the device does to a batch before the network sees it, and the labels, on this core."""
    crops = [
        adjust_colours(crop.pixels, photometry)
        for crop, photometry in zip((*raw.templates, raw.search), raw.photometry, strict=True)
    ]
    if style == "stark":
        mean, deviation = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
        return [crop.sub_(mean[:, None, None]).div_(deviation[:, None, None]) for crop in crops]
    grid = Points(torch.zeros(len(raw), 25, 25), torch.zeros(len(raw), 4, 25, 25), 255, 8)
    label = PointLabeller()(grid, raw)  # type: ignore[arg-type] - reads search box, present and seed
    return [*crops, label.label, label.code]


class Numbers:
    """Sample numbers that nobody has seen yet."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self) -> int:
        self._next += max(BATCH.values())
        return self._next


# Measuring ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One way to a batch."""

    name: str
    make: Callable[[], Any]


def in_turn(ways: list[Way], rounds: int, samples: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Milliseconds of CPU time per sample of every round, and page faults per sample."""
    spent: dict[str, list[float]] = {way.name: [] for way in ways}
    faults = dict.fromkeys(spent, 0)
    for number in range(WARM_UP + rounds):
        for way in ways:
            before, start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.process_time()
            for _ in range(TURN):
                way.make()
            used = 1e3 * (time.process_time() - start) / (TURN * samples)
            if number >= WARM_UP:
                spent[way.name].append(used)
                faults[way.name] += resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return spent, {name: count / (rounds * TURN * samples) for name, count in faults.items()}


def decoding(made: BatchMaker, numbers: Numbers, rounds: int, samples: int) -> float:
    """Milliseconds per sample of the decoder alone, for the rectangles of our batches."""
    calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def remember(function: Callable[..., Any]) -> Callable[..., Any]:
        def remembering(*given: Any) -> Any:
            calls.append((function, given))
            return function(*given)

        return remembering

    originals = tiles.decode_rgb, region.decode_region, picture.decode_rgb
    tiles.decode_rgb, region.decode_region, picture.decode_rgb = map(remember, originals)
    try:
        for _ in range(3):
            made.make(numbers(), samples)
    finally:
        tiles.decode_rgb, region.decode_region, picture.decode_rgb = originals
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        for function, given in calls:
            function(*given)
        spent.append(1e3 * (time.process_time() - start) / (3 * samples))
    return statistics.median(spent)


def difference(style: str, made: BatchMaker, pictures: Pictures, numbers: Numbers) -> int:
    """Largest difference, grey levels, of two batches' crops from whole frames that plain OpenCV decodes and cuts."""
    cut, worst, count = made.policy.cut, 0, 0

    def checking(frame: picture.Picture, window: np.ndarray, size: int) -> np.ndarray:
        nonlocal worst, count
        crop = cut(frame, window, size)  # type: ignore[arg-type]
        whole = cv2.cvtColor(cv2.imread(str(pictures.loose / "train/v" / Path(frame.path).name)), cv2.COLOR_BGR2RGB)
        expected = warped(whole, window, size) if style == "pysot" else squared(whole, window, size)
        worst = max(worst, int(np.abs(crop.astype(int) - expected).max()))
        count += 1
        return crop

    made.policy.cut = checking  # type: ignore[method-assign]
    try:
        for _ in range(2):
            made.make(numbers(), BATCH[style])
    finally:
        del made.policy.cut
    if count < 4 * BATCH[style] or worst > 1:
        raise SystemExit(f"{style}: {count} crops differ by up to {worst} grey levels from those of whole frames")
    return worst


def warped(whole: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
    """The crop under an affine window, cut from the whole frame, whose mean colour lies outside."""
    return cv2.warpAffine(whole, window, (size, size), borderMode=cv2.BORDER_CONSTANT, borderValue=cv2.mean(whole))


def squared(whole: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
    """STARK's crop from the whole frame, with its flips."""
    box, scale, shift, (mirror, flip, factor) = window[:4].copy(), window[4:6], window[6:8], window[8:]
    if mirror:
        whole = np.fliplr(whole).copy()
        box[0] = whole.shape[1] - 1 - (box[0] + box[2])
    extent = box[2:] * np.exp(scale)
    middle = box[:2] + box[2:] / 2 + np.sqrt(extent.prod()) * shift
    looked_at = torch.from_numpy(np.concatenate([middle - extent / 2, extent]))
    crop, *_ = stark_crop(whole, looked_at, torch.zeros(whole.shape[:2]), float(factor), size)
    return np.fliplr(crop) if flip else crop


# Rows ---------------------------------------------------------------------------------------------------------------


def title(style: str, size: str, part: int) -> str:
    """How the names of the rows begin."""
    return f"{style} {size} h/{part}" if part else f"{style} {size}"


def compare(style: str, size: str, part: int, pictures: Pictures, rounds: int) -> list[dict[str, Any]]:
    """The rows of one kind of sample from pictures of one size."""
    boxes, numbers, samples = targets(pictures, part), Numbers(), BATCH[style]
    loose = pictures.videos(boxes, packed=False)
    original = PysotPairs(loose, pre_cut=not part) if style == "pysot" else StarkPairs(loose)
    makers = {
        "untouched": maker(style, loose, "auto"),
        "packed": maker(style, pictures.videos(boxes, packed=True), "auto"),
    }
    if nvimgcodec_is_there():
        makers["untouched nvimgcodec"] = maker(style, loose, "nvimgcodec")

    ways = [Way("original", lambda: original.batch(samples))]
    for name, made in makers.items():
        ways.append(Way(name, lambda made=made: made.make(numbers(), samples)))  # type: ignore[misc]
        if name != "untouched nvimgcodec":
            ways.append(Way(f"{name} augmented", lambda made=made: finished(style, made.make(numbers(), samples))))
    worst = {name: difference(style, made, pictures, numbers) for name, made in makers.items()}
    spent, faults = in_turn(ways, rounds, samples)

    rows = []
    theirs = spent["original"]
    for way in ways[1:]:
        base = way.name.removesuffix(" augmented")
        mine = spent[way.name]
        made = row(
            f"{title(style, size, part)} {way.name}",
            round(statistics.median(mine), 3),
            round(statistics.median(theirs), 3),
            "ms CPU/sample",
            ours_best=round(min(mine), 3),
            other_best=round(min(theirs), 3),
            difference=worst[base],
            page_faults=[round(faults[way.name], 1), round(faults["original"], 1)],
            bits_per_pixel=pictures.scenes.bits_per_pixel,
            packed_bytes=f"{100 * pictures.more_bytes:+.1f} %",
            opencv=cv2.__version__,
        )
        made["ratio"] = round(statistics.median(a / b for a, b in zip(theirs, mine, strict=True)), 2)
        if base != "untouched nvimgcodec" and base == way.name:
            made["decode"] = round(decoding(makers[base], numbers, rounds, samples), 3)
            made["possible"] = round(statistics.median(theirs) / made["decode"], 2)
        rows.append(made)
    return rows


def nvimgcodec_is_there() -> bool:
    try:
        nvimgcodec.check_installed()
    except config.ConfigError:
        return False
    return True


def bytes_per_sample(pictures: Pictures) -> dict[str, Any]:
    """What a pysot sample weighs on its way to the device."""
    loose = pictures.videos(targets(pictures, 0), packed=False)
    theirs = (
        sum(value.nbytes for value in PysotPairs(loose, pre_cut=True).batch(BATCH["pysot"]).values()) / BATCH["pysot"]
    )
    mine = 0

    def weigh(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal mine
        mine += tensor.nbytes
        return tensor

    map_tensors(maker("pysot", loose, "auto").make(0, BATCH["pysot"]), weigh)
    return row("bytes per sample", mine / BATCH["pysot"], theirs, "bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description="The loader against the straightforward way of each original.")
    parser.add_argument("--json", metavar="FILE", help="write the rows there")
    parser.add_argument("--rounds", type=int, default=9, help="of all ways in turn (default: %(default)s)")
    parser.add_argument("--only", default="", help="rows whose name begins so, such as 'stark 1280x720'")
    args = parser.parse_args()
    keep_heap()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            kinds = [("pysot", 0)] if size == "511" else [(style, part) for style in CONFIGS for part in PARTS]
            kinds = [kind for kind in kinds if title(kind[0], size, kind[1]).startswith(args.only)]
            pictures = draw_pictures(size, Path(folder)) if kinds else None
            for style, part in kinds:
                rows += compare(style, size, part, pictures, args.rounds)
                print(title(style, size, part), "measured", file=sys.stderr)
            if size == "511" and kinds:
                rows.append(bytes_per_sample(pictures))
    write(rows, args.json)


if __name__ == "__main__":
    main()
