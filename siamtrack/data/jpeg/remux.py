"""A JPEG rearranged into tiles: the same coefficients, coded anew with a restart marker after every few MCUs.

::

    python -m siamtrack.data.jpeg.remux     # reads paths, writes answers; see Remuxer

libjpeg ends its process when a file is broken, so this is done in processes of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import subprocess
import sys
from typing import IO

import cv2
import numpy as np

from siamtrack.data.jpeg import libjpeg
from siamtrack.data.jpeg.header import (
    ADOBE,
    COMMENT,
    JFIF,
    SOI,
    TILES,
    Header,
    Segment,
    read_frame,
    read_header,
    read_segments,
)
from siamtrack.data.jpeg.tiles import decode_rgb, decode_tiles, read_tiles, tile_lengths, tile_segment

_LENGTH = struct.Struct(">?I")
_WANTED = 64  # px, width of a tile: wider ones are decoded in vain, narrower ones need more bytes
_TRIES = 4  # rectangles that are compared


class Unpackable(Exception):
    """Why a file stays as it is."""


def tile_interval(columns: int, mcu_width: int) -> int:
    """MCUs in a tile: the divisor of the MCUs in a row that is nearest to 64 px by ratio; 1 for none near it."""
    wanted = max(_WANTED // mcu_width, 1)
    divisors = [n for n in range(1, columns + 1) if columns % n == 0]
    return min(divisors, key=lambda n: max(n / wanted, wanted / n))


def tiled(data: bytes) -> bytes:
    """The file as tiles: its own application segments and comments, and all of its pixels.

    **May end the process**, where libjpeg finds a mistake.

    Raises:
        Unpackable: it is no JPEG, or none that can be decoded in part, or the result would not be the same picture.
    """
    try:
        segments = read_segments(memoryview(data)) if data[:2] == bytes((0xFF, SOI)) else ()
        found = read_frame(memoryview(data), segments) if segments else None
    except (ValueError, struct.error, IndexError):
        found = None
    if found is None:
        raise Unpackable("not a JPEG of 8 bits")
    frame = found[1]
    if frame.components == 4:
        raise Unpackable("four components (CMYK)")
    picture = decode_rgb(np.frombuffer(data, np.uint8))
    if picture is None:
        raise Unpackable("OpenCV cannot decode it")

    coded = transcode(data, tile_interval(-(-frame.width // frame.mcu[0]), frame.mcu[0]))
    header = read_header(memoryview(coded))
    if header is None:
        raise Unpackable("its components need several scans")
    made = _with_segment(data, segments, coded, header, cv2.mean(picture)[:3])
    _compare(made, picture)
    return made


def _with_segment(
    data: bytes, segments: tuple[Segment, ...], coded: bytes, header: Header, mean: tuple[float, ...]
) -> bytes:
    """The coded tables and tiles, with the application segments of the original and our own."""
    start = min(s.start for s in header.segments if not _is_application(s.marker))
    kept = [s for s in segments if _is_application(s.marker) and s.marker != TILES]
    first = next((s for s in kept if data[s.start + 4 : s.start + 9] == b"JFIF\0"), None)
    adobe = b"".join(data[s.start : s.end] for s in kept if s.marker == ADOBE)
    others = b"".join(data[s.start : s.end] for s in kept if s is not first and s.marker != ADOBE)
    lengths = tile_lengths(np.frombuffer(coded, np.uint8)[header.scan :])
    segment = tile_segment(header, lengths, mean, len(others), len(others) + len(adobe) - start)
    if segment is None:
        raise Unpackable("too large for a table of its tiles")
    jfif = data[first.start : first.end] if first else b""
    return b"".join([coded[:2], jfif, segment, others, adobe, coded[start:]])


def _is_application(marker: int) -> bool:
    return JFIF <= marker <= JFIF + 15 or marker == COMMENT


def _compare(made: bytes, picture: np.ndarray) -> None:
    """Hold a tiled file against the picture: the whole, and some rectangles.

    Raises:
        Unpackable: a pixel differs.
    """
    view = memoryview(made)
    tiles = read_tiles(view)
    if read_header(view) is None or tiles is None:
        raise Unpackable("rotated by its Exif data")
    whole = decode_rgb(np.frombuffer(made, np.uint8))
    if whole is None or not np.array_equal(whole, picture):
        raise Unpackable("its pixels would change")
    rng = np.random.default_rng(len(made))
    for _ in range(_TRIES):
        (left, right), (top, bottom) = (np.sort(rng.integers(0, n + 1, 2)) for n in (tiles.width, tiles.height))
        right, bottom = max(right, left + 1), max(bottom, top + 1)
        if right > tiles.width or bottom > tiles.height:
            continue
        part = decode_tiles(view, tiles, int(left), int(top), int(right), int(bottom))
        if part is None or not np.array_equal(part, picture[top:bottom, left:right]):
            raise Unpackable("a part's pixels would change")


def transcode(data: bytes, interval: int) -> bytes:
    """The coefficients of a JPEG as one sequential scan with restart markers and Huffman tables made for it.

    **May end the process.**

    Raises:
        Unpackable: there is no library, or the entropy-coded data are damaged.
    """
    found = libjpeg.library()
    if found is None:
        raise Unpackable("no libjpeg that siamtrack knows came with torchvision or Pillow")
    lib, interface = found.functions, found.interface
    leave = libjpeg.way_out(lambda message: print(message, file=sys.stderr))
    errors = libjpeg.error_manager(lib, leave)
    source = ctypes.create_string_buffer(interface.decompressor)
    target = ctypes.create_string_buffer(interface.compressor)
    for structure in (source, target):
        ctypes.c_void_p.from_buffer(structure, 0).value = ctypes.addressof(errors)
    lib.jpeg_CreateDecompress(source, interface.level, interface.decompressor)
    lib.jpeg_CreateCompress(target, interface.level, interface.compressor)
    lib.jpeg_mem_src(source, data, len(data))
    lib.jpeg_read_header(source, 1)
    coefficients = lib.jpeg_read_coefficients(source)
    damaged = ctypes.c_long.from_buffer(errors, libjpeg.ERROR_WARNINGS).value

    memory, size = ctypes.c_void_p(), ctypes.c_ulong()
    lib.jpeg_mem_dest(target, ctypes.addressof(memory), ctypes.addressof(size))
    lib.jpeg_copy_critical_parameters(source, target)
    ctypes.c_int.from_buffer(target, interface.optimize).value = 1
    ctypes.c_uint.from_buffer(target, interface.restart).value = interval
    lib.jpeg_write_coefficients(target, coefficients)
    lib.jpeg_finish_compress(target)
    made = ctypes.string_at(memory, size.value)
    lib.jpeg_destroy_compress(target)
    lib.jpeg_destroy_decompress(source)
    ctypes.CDLL(None).free(memory)
    if damaged:
        raise Unpackable("damaged entropy-coded data")
    return made


# A process of its own -----------------------------------------------------------------------------------------------


class Remuxer:
    """A process that tiles one file after the other, and is replaced when a file ends it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def tile(self, path: str) -> bytes | str:
        """The tiled file, or why it stays as it is."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "siamtrack.data.jpeg.remux"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        name = os.fsencode(path)
        try:
            asked.write(_LENGTH.pack(True, len(name)) + name)
            asked.flush()
            good, length = _LENGTH.unpack(_exactly(answers, _LENGTH.size))
            content = _exactly(answers, length)
        except (BrokenPipeError, EOFError):
            self.close()
            return "libjpeg ends at it"
        return content if good else content.decode()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):  # it ended with a question unread
                        pipe.close()
            process.wait()


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if len(data) != count:
        raise EOFError
    return data


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer :class:`Remuxer` until it closes the pipe."""
    while head := questions.read(_LENGTH.size):
        path = os.fsdecode(_exactly(questions, _LENGTH.unpack(head)[1]))
        try:
            with open(path, "rb") as file:
                good, content = True, tiled(file.read())
        except Unpackable as reason:
            good, content = False, str(reason).encode()
        answers.write(_LENGTH.pack(good, len(content)) + content)
        answers.flush()


if __name__ == "__main__":
    cv2.setNumThreads(1)
    serve(sys.stdin.buffer, sys.stdout.buffer)
