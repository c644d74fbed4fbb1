"""An image file as pixels: whole, or only where somebody looks."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import Literal, cast, get_args

import cv2
import numpy as np

from siamtrack.config import ConfigError
from siamtrack.data.errors import DataError
from siamtrack.data.jpeg import region
from siamtrack.data.jpeg.header import Header, read_header
from siamtrack.data.jpeg.tiles import decode_rgb, decode_tiles, read_tiles
from siamtrack.data.packed import store

Decoder = Literal["auto", "whole", "nvimgcodec"]
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom; px, ends exclusive
RegionDecoder = Callable[[memoryview, Header, int, int, int, int], "np.ndarray | None"]

_WORTH = 0.8  # share of the pixels from which on the whole is decoded: as dear, and good for other crops


def checked_decoder(name: str) -> Decoder:
    """The value of ``DATA.DECODER``.

    Raises:
        ConfigError: there is no such decoder, or it is not installed.
    """
    if name not in get_args(Decoder):
        raise ConfigError(f"DATA.DECODER: {name!r} should be one of {', '.join(get_args(Decoder))}.")
    if name == "nvimgcodec":
        _nvimgcodec()
    return cast(Decoder, name)


class Picture:
    """A frame of which only what is looked at is decoded: ``picture[top:bottom, left:right]``.

    Crop policies take it for a frame. The pixels are those of :func:`read_image`, whichever way they come: from the
    tiles of a packed file, from a region of a sequential JPEG, or from the whole of any other.

    Args:
        path: the image file, loose or packed.
        decoder: ``auto``; ``whole``: never in part; ``nvimgcodec``: parts by that library, for files without tiles.

    Raises:
        DataError: the file is missing, cut short, or no image.
    """

    def __init__(self, path: str, decoder: Decoder = "auto") -> None:
        self.path = path
        self._data = read_data(path)
        self._tiles = None if decoder == "whole" else read_tiles(self._data)
        self._header = None if decoder == "whole" or self._tiles else read_header(self._data)
        self._decoder = decoder
        self._whole: np.ndarray | None = None
        self._part: tuple[Rectangle, np.ndarray] | None = None  # the last that was decoded

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, 3."""
        about = self._tiles or self._header
        if about is not None:
            return about.height, about.width, 3
        height, width = self.whole().shape[:2]
        return height, width, 3

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """RGB uint8 ``[h, w, 3]``; not to be written to."""
        height, width = self.shape[:2]
        (top, bottom, down), (left, right, across) = key[0].indices(height), key[1].indices(width)
        if down != 1 or across != 1:
            return self.whole()[key]
        if right <= left or bottom <= top:
            return np.empty((max(bottom - top, 0), max(right - left, 0), 3), np.uint8)
        if self._whole is not None:
            return self.whole()[top:bottom, left:right]
        if self._part is None or not _holds(self._part[0], (left, top, right, bottom)):
            self._part = (left, top, right, bottom), self._decode(left, top, right, bottom)
        (x, y, _, _), pixels = self._part
        part: np.ndarray = pixels[top - y : bottom - y, left - x : right - x]
        return part

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        """The whole frame, for policies that look everywhere."""
        whole = self.whole() if dtype is None else self.whole().astype(dtype, copy=False)
        return whole.copy() if copy else whole

    def whole(self) -> np.ndarray:
        """The whole frame, RGB uint8 ``[H, W, 3]``."""
        if self._whole is None:
            self._whole = _decoded(self._data, self.path)
        return self._whole

    def mean_colour(self) -> np.ndarray:
        """``[3]`` float64, RGB; packed files know theirs."""
        return self._mean

    @cached_property
    def _mean(self) -> np.ndarray:
        return np.array(self._tiles.mean if self._tiles is not None else cv2.mean(self.whole())[:3])

    def _decode(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        part, (height, width, _) = None, self.shape
        if (right - left) * (bottom - top) < _WORTH * height * width:
            if self._tiles is not None:
                part = decode_tiles(self._data, self._tiles, left, top, right, bottom)
            elif self._header is not None:
                decode = _nvimgcodec() if self._decoder == "nvimgcodec" else _libjpeg
                part = decode(self._data, self._header, left, top, right, bottom)
        return self.whole()[top:bottom, left:right] if part is None else part


def _holds(outer: Rectangle, inner: Rectangle) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def _libjpeg(data: memoryview, header: Header, left: int, top: int, right: int, bottom: int) -> np.ndarray | None:
    return region.decode_region(data, header, left, top, right, bottom) if region.can_decode(data, header) else None


def _nvimgcodec() -> RegionDecoder:
    from siamtrack.data.jpeg import nvimgcodec

    nvimgcodec.check_installed()
    return nvimgcodec.decode_region


# Files --------------------------------------------------------------------------------------------------------------


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """An image file as RGB uint8 ``[H, W, 3]``; grey images get three equal channels.

    Raises:
        DataError: the file is missing, cut short (a decoder would fill it up with grey), or no image.
    """
    name = os.fspath(path)
    return _decoded(read_data(name), name)


def read_data(path: str) -> memoryview:
    """The bytes of an image file, loose or packed.

    Raises:
        DataError: the file is missing or cut short.
    """
    try:
        data = memoryview(store.read_file(path))
    except OSError as error:
        raise DataError(f"{path}: the frame cannot be opened ({error.strerror}).") from error
    if _cut_short(data):
        raise DataError(
            f"{path}{store.where(path)}: the image is cut short (its end marker is missing); fetch the file again."
        )
    return data


def _decoded(data: memoryview, path: str) -> np.ndarray:
    rgb = decode_rgb(np.frombuffer(data, np.uint8))
    if rgb is None:
        raise DataError(f"{path}{store.where(path)}: is not an image that OpenCV can decode ({len(data)} bytes).")
    return rgb


def _cut_short(data: memoryview) -> bool:
    """Whether a JPEG or PNG file lacks its end marker."""
    start = bytes(data[:4])
    if start[:2] == b"\xff\xd8":
        if bytes(data[-2:]) == b"\xff\xd9":
            return False
        content = bytes(data)  # an end marker before the last scan may be that of an embedded thumbnail
        return content.find(b"\xff\xd9", max(content.rfind(b"\xff\xda"), 0)) < 0
    return start == b"\x89PNG" and b"IEND" not in bytes(data[-4096:])
