"""Any rectangle of a tiled JPEG, decoded alone.

A tiled JPEG has a restart marker after every few MCUs, a divisor of the MCUs in a row. Each of these intervals, a
*tile*, starts with fresh predictors and can therefore be decoded beside any other. An application segment of our own
says how long each is, so that the tiles under a rectangle can be put behind the same tables as a smaller JPEG. All
pixels come out as from the whole file, since chroma upsampling sees its true neighbours. To any other reader the file
is a JPEG like others.

The segment (APP11) holds, in little-endian order: ``siamtrack tiles`` and a zero byte; one byte, the bytes of a length
(2 or 4); 3 float64, the mean colour of the picture in RGB; the length of each tile with the marker behind it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np

from siamtrack.data.jpeg.header import EOI, RST0, SOI, TILES, Header, Segment

_NAME = b"siamtrack tiles\0"
_FIXED = struct.Struct("<16sB3d")
_LONGEST = 65535 - 2  # of a segment's content
_RGB = getattr(cv2, "IMREAD_COLOR_RGB", None)  # OpenCV 4.11 and later


@dataclass(frozen=True)
class Tiles:
    """What a tiled file says of itself.

    Attributes:
        mean: ``[3]`` float64, mean colour of the picture, RGB.
        lengths: ``[rows, columns]`` bytes of each tile and the marker behind it.
        segment: where this stands.
    """

    mean: np.ndarray
    lengths: np.ndarray
    segment: Segment


def read_tiles(data: memoryview, header: Header) -> Tiles | None:
    """The tiles of a file that was tiled by :func:`tile_segment`; ``None`` for any other."""
    segment = header.first(TILES)
    if segment is None or segment.end - segment.start < 4 + _FIXED.size:
        return None
    name, width, *mean = _FIXED.unpack_from(data, segment.start + 4)
    columns, rows = header.grid
    if name != _NAME or width not in (2, 4) or not header.interval or columns % header.interval:
        return None
    lengths = np.frombuffer(data[segment.start + 4 + _FIXED.size : segment.end], f"<u{width}")
    if len(lengths) != rows * (columns // header.interval):
        return None
    return Tiles(np.array(mean), lengths.reshape(rows, -1), segment)


def tile_segment(lengths: np.ndarray, mean: np.ndarray) -> bytes | None:
    """The application segment for tiles of these lengths; ``None`` if there are too many for one segment."""
    width = 2 if int(lengths.max()) < 1 << 16 else 4
    content = _FIXED.pack(_NAME, width, *mean) + lengths.astype(f"<u{width}").tobytes()
    return struct.pack(">BBH", 0xFF, TILES, len(content) + 2) + content if len(content) <= _LONGEST else None


def tile_lengths(scan: np.ndarray) -> np.ndarray:
    """``[tiles]`` bytes from each restart interval's beginning to the next, of entropy-coded data ``[n]`` uint8 that
    ends with EOI.
    """
    after = scan[1:]
    marker = (scan[:-1] == 0xFF) & (((after & 0xF8) == RST0) | (after == EOI))
    ends = np.flatnonzero(marker) + 2
    lengths: np.ndarray = np.diff(ends, prepend=0)
    return lengths


def decode_tiles(
    data: memoryview, header: Header, tiles: Tiles, left: int, top: int, right: int, bottom: int
) -> np.ndarray | None:
    """A rectangle of a tiled file, ends exclusive, inside the picture.

    Returns:
        RGB uint8 ``[bottom - top, right - left, 3]``, the pixels of the whole picture there; ``None`` if the data are
        damaged.
    """
    high, wide = header.mcu[1], header.mcu[0] * header.interval
    # a pixel more on each side, which upsampled chroma looks at
    x0, x1 = max(left - 1, 0) // wide, min(-(-(right + 1) // wide), tiles.lengths.shape[1])
    y0, y1 = max(top - 1, 0) // high, min(-(-(bottom + 1) // high), tiles.lengths.shape[0])
    size = min(x1 * wide, header.width) - x0 * wide, min(y1 * high, header.height) - y0 * high
    small = _joined(data, header, tiles, (x0, x1), (y0, y1), size)
    picture = decode_rgb(small)
    if picture is None or picture.shape[:2] != size[::-1]:
        return None
    x, y = left - x0 * wide, top - y0 * high
    part: np.ndarray = picture[y : y + bottom - top, x : x + right - left]
    return part


def _joined(
    data: memoryview,
    header: Header,
    tiles: Tiles,
    columns: tuple[int, int],
    rows: tuple[int, int],
    size: tuple[int, int],
) -> np.ndarray:
    """A JPEG of ``size`` (w, h) from the tiles of some rows and columns."""
    tables = data[tiles.segment.end : header.scan]  # of a tiled file these stand together, see remux.py
    before = [data[s.start : s.end] for s in header.needed() if s.end <= tiles.segment.start]
    start = header.scan + int(tiles.lengths[: rows[0]].sum(dtype=np.int64))
    ends = start + np.cumsum(tiles.lengths[rows[0] : rows[1]], dtype=np.int64).reshape(rows[1] - rows[0], -1)
    begins = ends[:, columns[0]] - tiles.lengths[rows[0] : rows[1], columns[0]]
    strips = zip(begins.tolist(), ends[:, columns[1] - 1].tolist(), strict=True)
    whole = bytearray().join([bytes((0xFF, SOI)), *before, tables, *(data[a:b] for a, b in strips)])

    at = 2 + sum(map(len, before))
    struct.pack_into(">HH", whole, at + header.frame.start - tiles.segment.end + 5, size[1], size[0])
    joined = np.frombuffer(whole, np.uint8)
    chosen = tiles.lengths[rows[0] : rows[1], columns[0] : columns[1]]
    last = at + len(tables) - 1 + np.cumsum(chosen, dtype=np.int64)  # where the markers' second bytes stand
    if last[-1] != len(joined) - 1:
        return joined[:0]  # the file ends too soon
    joined[last[:-1]] = RST0 + (np.arange(len(last) - 1) & 7)
    joined[last[-1]] = EOI
    return joined


def decode_rgb(data: np.ndarray) -> np.ndarray | None:
    """An encoded image ``[n]`` uint8 as RGB uint8 ``[H, W, 3]``, or ``None`` if it is none."""
    if not len(data):
        return None
    if _RGB is not None:
        rgb: np.ndarray | None = cv2.imdecode(data, _RGB)
        return rgb
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return None if bgr is None else cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
