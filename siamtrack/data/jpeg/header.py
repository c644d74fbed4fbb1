"""What stands before a JPEG's entropy-coded data, read in one walk over its segments (ITU-T T.81, annex B)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

SOI, EOI, SOS, DQT, DHT, DRI, RST0 = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xD0
BASELINE, EXTENDED = 0xC0, 0xC1  # the frames (SOF) of sequential Huffman-coded files
JFIF, EXIF, TILES, ADOBE, COMMENT = 0xE0, 0xE1, 0xEB, 0xEE, 0xFE  # application segments 0, 1, 11 and 14

# what a decoder needs; JFIF and Adobe segments say which colours the components are
_NEEDED = frozenset((JFIF, ADOBE, DQT, DHT, DRI, BASELINE, EXTENDED, SOS))
_UPRIGHT = 1
_ORIENTATION = 0x0112


class Segment(NamedTuple):
    """A marker and what belongs to it: ``data[start:end]``."""

    marker: int
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """The frame of a JPEG and its one scan.

    Attributes:
        width: px.
        height: px.
        mcu: width and height of a minimum coded unit, px.
        interval: MCUs between restart markers; 0: there are none.
        frame: the SOF segment.
        scan: where the entropy-coded data begins.
        segments: all before it, in order; the last is SOS.
    """

    width: int
    height: int
    mcu: tuple[int, int]
    interval: int
    frame: Segment
    scan: int
    segments: tuple[Segment, ...]

    @property
    def grid(self) -> tuple[int, int]:
        """MCUs in a row, and rows of them."""
        return -(-self.width // self.mcu[0]), -(-self.height // self.mcu[1])

    def needed(self) -> list[Segment]:
        """The segments without which nothing can be decoded: no thumbnails, profiles, comments."""
        return [segment for segment in self.segments if segment.marker in _NEEDED]

    def first(self, marker: int) -> Segment | None:
        """The first segment of a kind."""
        return next((segment for segment in self.segments if segment.marker == marker), None)


def read_header(data: memoryview) -> Header | None:
    """The header of a file whose pixels can be decoded in part, otherwise ``None``.

    Such a file is an 8-bit Huffman-coded sequential JPEG with all of its one or three components in one scan, and its
    Exif data ask for no rotation (OpenCV would rotate). What is broken here is left for a decoder to refuse.
    """
    if bytes(data[:2]) != bytes((0xFF, SOI)):
        return None
    try:
        return _header(data, read_segments(data))
    except (struct.error, IndexError, ValueError):  # the file ends inside its header
        return None


def read_segments(data: memoryview) -> tuple[Segment, ...]:
    """All segments to the first SOS.

    Raises:
        ValueError: something else stands where a marker is expected.
        IndexError: the file ends before.
    """
    found: list[Segment] = []
    at = 2
    while not found or found[-1].marker != SOS:
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        if data[at] != 0xFF or not 0xC0 <= marker <= 0xFE or RST0 <= marker <= EOI or length < 2:
            raise ValueError
        found.append(Segment(marker, at, at + 2 + length))
        at += 2 + length
    return tuple(found)


class Frame(NamedTuple):
    """What a SOF segment says: px, number of components, width and height of an MCU of a scan of all of them in px."""

    width: int
    height: int
    components: int
    mcu: tuple[int, int]


def read_frame(data: memoryview, segments: tuple[Segment, ...]) -> tuple[Segment, Frame] | None:
    """The one frame of a file, sequential or not; ``None`` if it is not 8-bit or has no or several frames.

    Raises:
        struct.error, IndexError: the file ends inside it.
    """
    frames = [s for s in segments if 0xC0 <= s.marker <= 0xCF and s.marker not in (DHT, 0xC8, 0xCC)]
    if len(frames) != 1:
        return None
    precision, height, width, components = struct.unpack_from(">BHHB", data, frames[0].start + 4)
    if precision != 8 or not height or not width or components not in (1, 3, 4):
        return None
    sampling = [data[frames[0].start + 11 + 3 * i] for i in range(components)]
    across, down = max(s >> 4 for s in sampling), max(s & 15 for s in sampling)
    if components == 1:
        across = down = 1  # a scan of one component is not interleaved: its MCU is one block
    return (frames[0], Frame(width, height, components, (8 * across, 8 * down))) if across and down else None


def _header(data: memoryview, segments: tuple[Segment, ...]) -> Header | None:
    found = read_frame(data, segments)
    if found is None or found[0].marker not in (BASELINE, EXTENDED) or found[1].components == 4:
        return None
    segment, (width, height, components, mcu) = found
    if data[segments[-1].start + 4] != components:  # of a scan
        return None
    if any(s.marker == EXIF and exif_orientation(data[s.start + 4 : s.end]) != _UPRIGHT for s in segments):
        return None
    restarts = [struct.unpack_from(">H", data, s.start + 4)[0] for s in segments if s.marker == DRI]
    return Header(width, height, mcu, restarts[-1] if restarts else 0, segment, segments[-1].end, segments)


def exif_orientation(content: memoryview) -> int:
    """Orientation by an APP1 segment's content: 1 to 8, 1 (upright) where it says none; 0 for a broken one."""
    if bytes(content[:6]) != b"Exif\0\0":
        return _UPRIGHT
    tiff = content[6:]
    order = {b"II": "<", b"MM": ">"}.get(bytes(tiff[:2]))
    if order is None:
        return 0
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, directory)
        for i in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + 12 * i)
            if tag == _ORIENTATION:
                return int(value)
    except struct.error:
        return 0
    return _UPRIGHT
