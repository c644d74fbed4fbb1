"""Any rectangle of a tiled JPEG, decoded alone.

A tiled JPEG has a restart marker after every few MCUs, a divisor of the MCUs in a row. Each of these intervals, a
*tile*, starts with fresh predictors and can therefore be decoded beside any other. An application segment of our own
says how long each is, so that the tiles under a rectangle can be put behind the same tables as a smaller JPEG. All
pixels come out as from the whole file, since chroma upsampling sees its true neighbours. To any other reader the file
is a JPEG like others.

The segment (APP11) stands before all others but JFIF's. It holds, in little-endian order: ``siamtrack tiles`` and a
zero byte; of the picture, uint16 width, height; of an MCU, uint8 width, height; of a tile, uint16 MCUs; where things
stand, uint32 bytes behind the segment: the tables, SOF, the entropy-coded data; float64 mean colour, RGB; uint8, the
bytes of a length (2 or 4); the length of each tile with the marker behind it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np

from siamtrack.data.jpeg.header import EOI, JFIF, RST0, TILES, Header

_NAME = b"siamtrack tiles\0"
_FIXED = struct.Struct("<16sHHBBHIII3dB")
_LONGEST = 65535 - 2  # of a segment's content
_MARKERS = (RST0 + (np.arange(_LONGEST) & 7)).astype(np.uint8)  # second bytes of the restart markers, in order
_RGB = getattr(cv2, "IMREAD_COLOR_RGB", None)  # OpenCV 4.11 and later


@dataclass(frozen=True)
class Tiles:
    """What a tiled file says of itself.

    Attributes:
        width: of the picture, px.
        height: of the picture, px.
        tile: width and height of a tile, px.
        columns: tiles in a row.
        mean: mean colour of the picture, RGB.
        lengths: bytes of each tile and the marker behind it, row by row.
        before: the JFIF segment, if there is one.
        tables: where the tables begin.
        frame: where SOF begins.
        scan: where the first tile begins.
    """

    width: int
    height: int
    tile: tuple[int, int]
    columns: int
    mean: tuple[float, float, float]
    lengths: np.ndarray
    before: slice
    tables: int
    frame: int
    scan: int


def read_tiles(data: memoryview) -> Tiles | None:
    """The tiles of a file into which :func:`tile_segment` was put; ``None`` for any other."""
    at = 2
    if bytes(data[2:4]) == bytes((0xFF, JFIF)):
        at += 2 + int.from_bytes(data[4:6], "big")
    if bytes(data[at : at + 2]) != bytes((0xFF, TILES)) or len(data) < at + 4 + _FIXED.size:
        return None
    fields = _FIXED.unpack_from(data, at + 4)
    name, width, height, mcu_width, mcu_height, interval, tables, frame, scan, *mean, digits = fields
    if name != _NAME or not width * height * mcu_width * mcu_height * interval:
        return None
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    size = mcu_width * interval, mcu_height
    columns, rows = -(-width // size[0]), -(-height // size[1])
    if at + 4 + _FIXED.size + digits * columns * rows != end:
        return None
    if bytes(data[end + frame + 5 : end + frame + 9]) != struct.pack(">HH", height, width):
        return None  # somebody put something between
    lengths = np.frombuffer(data, f"<u{digits}", columns * rows, at + 4 + _FIXED.size)
    places = end + tables, end + frame, end + scan
    return Tiles(width, height, size, columns, tuple(mean), lengths, slice(2, at), *places)


def tile_segment(
    header: Header, lengths: np.ndarray, mean: tuple[float, ...], skipped: int, moved: int
) -> bytes | None:
    """The application segment that makes a file with restart markers a tiled one.

    Args:
        header: of the file as it is without the segment.
        lengths: of its tiles, bytes.
        mean: mean colour, RGB.
        skipped: bytes that will stand between the segment and what a decoder of tiles needs.
        moved: how many bytes further from the segment's end than from the file's beginning everything will stand.

    Returns:
        The segment with its marker; ``None`` if there are too many tiles for one.
    """
    digits = 2 if int(lengths.max()) < 1 << 16 else 4
    content = _FIXED.pack(
        _NAME, header.width, header.height, *header.mcu, header.interval,
        skipped, header.frame.start + moved, header.scan + moved, *mean, digits,
    ) + lengths.astype(f"<u{digits}").tobytes()  # fmt: skip
    return struct.pack(">BBH", 0xFF, TILES, len(content) + 2) + content if len(content) <= _LONGEST else None


def tile_lengths(scan: np.ndarray) -> np.ndarray:
    """``[tiles]`` bytes from each restart interval's beginning to the next, of entropy-coded data ``[n]`` uint8 that
    ends with EOI.
    """
    after = scan[1:]
    marker = (scan[:-1] == 0xFF) & (((after & 0xF8) == RST0) | (after == EOI))
    lengths: np.ndarray = np.diff(np.flatnonzero(marker) + 2, prepend=0)
    return lengths


def decode_tiles(data: memoryview, tiles: Tiles, left: int, top: int, right: int, bottom: int) -> np.ndarray | None:
    """A rectangle of a tiled file, ends exclusive, inside the picture.

    Returns:
        RGB uint8 ``[bottom - top, right - left, 3]``, the pixels of the whole picture there; ``None`` if the data are
        damaged.
    """
    wide, high = tiles.tile
    # a pixel more on each side, which upsampled chroma looks at
    x0, x1 = max(left - 1, 0) // wide, min(-(-(right + 1) // wide), tiles.columns)
    y0, y1 = max(top - 1, 0) // high, min(-(-(bottom + 1) // high), len(tiles.lengths) // tiles.columns)
    width, height = min(x1 * wide, tiles.width) - x0 * wide, min(y1 * high, tiles.height) - y0 * high
    picture = decode_rgb(_joined(data, tiles, (x0, x1), (y0, y1), (width, height)))
    if picture is None or picture.shape[:2] != (height, width):
        return None
    x, y = left - x0 * wide, top - y0 * high
    part: np.ndarray = picture[y : y + bottom - top, x : x + right - left]
    return part


def _joined(
    data: memoryview, tiles: Tiles, columns: tuple[int, int], rows: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """A JPEG of ``size`` (w, h) from the tiles of some columns and rows; empty if the file ends before them."""
    (first, last), n = columns, tiles.columns
    lengths = tiles.lengths[: rows[1] * n]
    ends = lengths.cumsum(dtype=np.int64).reshape(-1, n)[rows[0] :]
    lengths = lengths.reshape(-1, n)[rows[0] :]
    scan, begins = data[tiles.scan :], (ends[:, first] - lengths[:, first]).tolist()
    strips = [scan[a:b] for a, b in zip(begins, ends[:, last - 1].tolist(), strict=True)]
    whole = bytearray().join([b"\xff\xd8", data[tiles.before], data[tiles.tables : tiles.scan], *strips])

    head = 2 + tiles.before.stop - tiles.before.start + tiles.scan - tiles.tables
    struct.pack_into(">HH", whole, head - (tiles.scan - tiles.frame) + 5, size[1], size[0])
    joined = np.frombuffer(whole, np.uint8)
    markers = lengths[:, first:last].cumsum(dtype=np.int64)
    markers += head - 1  # their second bytes
    if markers[-1] != len(joined) - 1:
        return joined[:0]
    joined[markers] = _MARKERS[: len(markers)]
    joined[-1] = EOI
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
