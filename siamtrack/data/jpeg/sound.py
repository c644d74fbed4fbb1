"""Whether a JPEG's header keeps all rules that libjpeg ends a process over.

After a sound header libjpeg can only meet damaged entropy-coded data, which it answers with a warning.
"""

from __future__ import annotations

import functools
import struct

from siamtrack.data.jpeg.header import BASELINE, COMMENT, DHT, DQT, DRI, EXTENDED, JFIF, SOS, Header

_MAX_SIDE = 65500  # JPEG_MAX_DIMENSION
_MAX_BLOCKS = 10  # of an MCU: C_MAX_BLOCKS_IN_MCU
_KNOWN = frozenset((BASELINE, EXTENDED, DHT, DQT, DRI, SOS, COMMENT, *range(JFIF, JFIF + 16)))
_TABLES = 4
_LARGEST_FACTOR = 4  # of sampling


def is_sound(data: memoryview, header: Header) -> bool:
    """Whether libjpeg accepts the :meth:`Header.needed` segments of a sequential file."""
    if max(header.width, header.height) > _MAX_SIDE:
        return False
    if any(s.marker not in _KNOWN for s in header.segments):
        return False
    return _sound(tuple((s.marker, bytes(data[s.start + 4 : s.end])) for s in header.needed()))


@functools.lru_cache(256)
def _sound(segments: tuple[tuple[int, bytes], ...]) -> bool:
    """The same of contents; the headers of a data set repeat themselves."""
    quantisation: set[int] = set()
    huffman: set[int] = set()
    try:
        for marker, content in segments:
            if marker == DQT:
                quantisation |= _quantisation_tables(content)
            elif marker == DHT:
                huffman |= _huffman_tables(content)
            elif marker == DRI and len(content) != 2:
                return False
        frame = next(content for marker, content in segments if marker in (BASELINE, EXTENDED))
        return _frame_and_scan(frame, segments[-1][1], quantisation, huffman)
    except (ValueError, IndexError, struct.error):
        return False


def _quantisation_tables(content: bytes) -> set[int]:
    found = set()
    while content:
        wide, number = content[0] >> 4, content[0] & 15
        size = 64 * (1 + wide)
        if wide > 1 or number >= _TABLES or len(content) < 1 + size:
            raise ValueError
        found.add(number)
        content = content[1 + size :]
    return found


def _huffman_tables(content: bytes) -> set[int]:
    """Numbers of the tables, 16 more for those of AC coefficients."""
    found = set()
    while content:
        kind, number, counts = content[0] >> 4, content[0] & 15, content[1:17]
        symbols = content[17 : 17 + sum(counts)]
        if kind > 1 or number >= _TABLES or len(counts) < 16 or not len(symbols) == sum(counts) <= 256:
            raise ValueError
        code = 0
        for length, count in enumerate(counts, 1):  # codes of a length must fit into that length
            code += count
            if code > 1 << length:
                raise ValueError
            code <<= 1
        if kind == 0 and any(symbol > 15 for symbol in symbols):  # a difference of more than 15 bits
            raise ValueError
        found.add(16 * kind + number)
        content = content[17 + sum(counts) :]
    return found


def _frame_and_scan(frame: bytes, scan: bytes, quantisation: set[int], huffman: set[int]) -> bool:
    count = frame[5]
    if len(frame) != 6 + 3 * count or len(scan) != 4 + 2 * count or scan[0] != count:
        return False
    components = [frame[6 + 3 * i : 9 + 3 * i] for i in range(count)]
    chosen = [scan[1 + 2 * i : 3 + 2 * i] for i in range(count)]
    names = [component[0] for component in components]
    factors = [(component[1] >> 4, component[1] & 15) for component in components]
    if not all(1 <= factor <= _LARGEST_FACTOR for pair in factors for factor in pair):
        return False
    widest, tallest = (max(axis) for axis in zip(*factors, strict=True))
    blocks = sum(across * down for across, down in factors)
    return (
        len(set(names)) == count
        and [entry[0] for entry in chosen] == names
        and all(widest % across == 0 and tallest % down == 0 for across, down in factors)
        and (count == 1 or blocks <= _MAX_BLOCKS)
        and all(component[2] in quantisation for component in components)
        and all(entry[1] >> 4 in huffman and 16 + (entry[1] & 15) in huffman for entry in chosen)
        and tuple(scan[-3:]) == (0, 63, 0)
    )
