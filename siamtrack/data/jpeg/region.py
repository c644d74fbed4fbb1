"""A rectangle of an untouched JPEG, by libjpeg: what lies above is entropy-decoded only, what lies below not at all."""

from __future__ import annotations

import ctypes
import functools
import sys

import numpy as np

from siamtrack.data.jpeg import libjpeg
from siamtrack.data.jpeg.header import Header
from siamtrack.data.jpeg.sound import is_sound

_RIM = 2  # px more on each side, which upsampled chroma looks at


def can_decode(data: memoryview, header: Header) -> bool:
    """Whether :func:`decode_region` may be asked."""
    return libjpeg.library() is not None and is_sound(data, header)


def decode_region(data: memoryview, header: Header, left: int, top: int, right: int, bottom: int) -> np.ndarray | None:
    """A rectangle of a file that :func:`can_decode` approved, ends exclusive, inside the picture.

    Returns:
        RGB uint8 ``[bottom - top, right - left, 3]``, the pixels of the whole picture there; ``None`` if libjpeg would
        warn.
    """
    found = libjpeg.library()
    if found is None:
        return None
    lib, interface = found.functions, found.interface
    errors = libjpeg.error_manager(lib, _leave())
    state = ctypes.create_string_buffer(interface.decompressor)
    ctypes.c_void_p.from_buffer(state, 0).value = ctypes.addressof(errors)
    warnings = ctypes.c_long.from_buffer(errors, libjpeg.ERROR_WARNINGS)
    at = ctypes.addressof(state)
    source = np.frombuffer(data, np.uint8)

    lib.jpeg_CreateDecompress(at, interface.level, interface.decompressor)
    try:
        lib.jpeg_mem_src(at, source.ctypes.data, len(source))
        lib.jpeg_read_header(at, 1)
        ctypes.c_int.from_buffer(state, libjpeg.OUT_COLOR_SPACE).value = libjpeg.EXT_RGB
        before = warnings.value = warnings.value + 1  # libjpeg prints the first one only
        lib.jpeg_start_decompress(at)
        start = max(left - _RIM, 0)
        x = ctypes.c_uint(start)
        width = ctypes.c_uint(min(right + _RIM, header.width) - start)
        lib.jpeg_crop_scanline(at, ctypes.addressof(x), ctypes.addressof(width))
        if top:
            lib.jpeg_skip_scanlines(at, top)
        rows = np.empty((bottom - top, width.value, 3), np.uint8)
        pointers = rows.ctypes.data + rows.strides[0] * np.arange(len(rows), dtype=np.uint64)
        line, read = pointers.ctypes.data, 0
        while read < len(rows):
            read += lib.jpeg_read_scanlines(at, line + 8 * read, len(rows) - read)
    finally:
        lib.jpeg_destroy_decompress(at)
    if warnings.value != before:
        return None
    part: np.ndarray = rows[:, left - x.value : right - x.value]
    return part


@functools.cache
def _leave() -> ctypes._FuncPointer:
    def report(message: str) -> None:
        print(
            f"siamtrack: libjpeg refuses a header that was found sound ({message}); please report it.", file=sys.stderr
        )
        sys.stderr.flush()

    return libjpeg.way_out(report)
