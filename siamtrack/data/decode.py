"""From files to the pixels of training crops: a crop's place is known first, and only what it shows is decoded."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence

import cv2
import numpy as np

from siamtrack.crops import CropPolicy
from siamtrack.data.picture import Decoder, Picture

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def decode_crops(
    policy: CropPolicy,
    paths: Sequence[str],
    windows: Sequence[np.ndarray],
    sizes: Sequence[int],
    decoder: Decoder = "auto",
) -> tuple[list[np.ndarray], list[np.ndarray | None]] | None:
    """Crops of several frames; a file that is named more than once is read once.

    Args:
        policy: cuts.
        paths: one per crop.
        windows: one of the policy's windows per crop.
        sizes: sides of the crops.
        decoder: see :class:`Picture`.

    Returns:
        One uint8 ``[S, S, 3]`` RGB array per crop, and one padding mask ``[S, S]`` per crop, ``None`` where the policy
        knows none. ``None``, and nothing is decoded, if a mask is all padding: such a sample is of no use.

    Raises:
        DataError: a file is missing, cut short or no image; names the path.
    """
    crops: list[np.ndarray] = [np.empty(0)] * len(paths)
    masks: list[np.ndarray | None] = [None] * len(paths)
    pictures: dict[str, Picture] = {}
    for i, path in enumerate(paths):
        picture = pictures.get(path) or pictures.setdefault(path, Picture(path, decoder))
        masks[i] = policy.mask(picture.shape, windows[i], sizes[i])
        if _hides_all(masks[i]):
            return None
    for i in sorted(range(len(paths)), key=lambda i: -sizes[i]):  # a narrow crop is mostly inside a wide one
        crops[i] = policy.cut(pictures[paths[i]], windows[i], sizes[i])  # type: ignore[arg-type]
    return crops, masks


def _hides_all(mask: np.ndarray | None) -> bool:
    return mask is not None and bool(mask[0, 0]) and bool(mask.all())  # the corner alone answers for most


def to_planes(crop: np.ndarray, out: np.ndarray) -> None:
    """Write ``[S, S, 3]`` uint8 pixels into ``out [3, S, S]``; ten times faster than a strided copy."""
    planes = list(out)
    if any(
        made is not plane for made, plane in zip(cv2.split(np.ascontiguousarray(crop), planes), planes, strict=True)
    ):
        out[...] = crop.transpose(2, 0, 1)  # OpenCV could not use them


def prepare_worker() -> None:
    """Settings of a process that only decodes: one OpenCV thread, and a heap that keeps its pages."""
    cv2.setNumThreads(0)
    keep_heap()


def keep_heap() -> None:
    """Let the heap keep the pages of large arrays that come and go: frames in a worker, maps of training on the CPU.

    A frame's buffer is megabytes; handing it back to the system after each decode and faulting it in again costs
    as much as decoding. Without glibc the heap is left as it is.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)
        mallopt(_M_MMAP_THRESHOLD, 1 << 25)
