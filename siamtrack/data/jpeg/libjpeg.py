"""The libjpeg-turbo that comes with torchvision or Pillow, spoken to through ctypes.

Only what OpenCV's decoder does not offer: reading a rectangle without decoding all else to pixels, and rearranging a
file's coefficients. The layouts below belong to the library's two binary interfaces and are fixed by the names of the
files (``libjpeg.so.8``, ``libjpeg.so.62``); a file under another name is not used.

An error in libjpeg must not return to where it was raised, and Python cannot jump out of C. So an error **ends the
process**, with a sentence. Whoever calls must make sure that there is none (:mod:`siamtrack.data.jpeg.sound`) or be a
process that may end.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_HOSTS = ("torchvision", "PIL")
_FOLDERS = {"torchvision": "torchvision.libs", "PIL": "pillow.libs"}
_VERSION = re.compile(rb"libjpeg-turbo version (\d+)\.(\d+)")
# before it 4:4:0 was enlarged in another way than OpenCV does, which can be off by a grey level
_OLDEST = (2, 1)
_FILE = re.compile(r"libjpeg[^/]*\.so\.(8|62)(\.[\d.]+)?$")
_NEEDED = ("jpeg_crop_scanline", "jpeg_skip_scanlines", "jpeg_mem_src", "jpeg_mem_dest", "jpeg_write_coefficients")

ERROR_SIZE = 168
ERROR_EXIT, ERROR_FORMAT, ERROR_WARNINGS = 0, 24, 128  # offsets in the error manager
OUT_COLOR_SPACE = 64  # in the decompressor of either interface
EXT_RGB = 6
LONGEST_MESSAGE = 200


@dataclass(frozen=True)
class Interface:
    """Sizes and offsets, bytes.

    Attributes:
        level: JPEG_LIB_VERSION.
        decompressor: size of ``jpeg_decompress_struct``.
        compressor: size of ``jpeg_compress_struct``.
        optimize: offset of its ``optimize_coding``.
        restart: offset of its ``restart_interval``.
    """

    level: int
    decompressor: int
    compressor: int
    optimize: int
    restart: int


INTERFACES = {"8": Interface(80, 656, 584, 296, 316), "62": Interface(62, 632, 520, 264, 280)}


@dataclass(frozen=True)
class Library:
    """The functions, and how its structures are laid out."""

    functions: ctypes.CDLL
    interface: Interface


@functools.cache
def library() -> Library | None:
    """The first library that can be used; ``None`` where there is none (not Linux, or other builds of the hosts)."""
    for path in _candidates():
        match = _FILE.search(path.name)
        if match is None or _version(path) < _OLDEST:
            continue
        try:
            functions = ctypes.CDLL(str(path))
        except OSError:
            continue
        if all(hasattr(functions, name) for name in _NEEDED):
            _declare(functions)
            return Library(functions, INTERFACES[match[1]])
    return None


def _version(path: Path) -> tuple[int, int]:
    """What a library file says of itself; (0, 0) where it says nothing."""
    said = _VERSION.search(path.read_bytes())
    return (int(said[1]), int(said[2])) if said else (0, 0)


def _candidates() -> list[Path]:
    found = []
    for host in _HOSTS:
        spec = importlib.util.find_spec(host)  # finds, does not import
        if spec is not None and spec.origin:
            folder = Path(spec.origin).parent.parent / _FOLDERS[host]
            found += sorted(folder.glob("libjpeg*.so.*"))
    return found


def _declare(functions: ctypes.CDLL) -> None:
    pointer, number = ctypes.c_void_p, ctypes.c_uint
    signatures: dict[str, tuple[list, type | None]] = {
        "jpeg_std_error": ([pointer], pointer),
        "jpeg_CreateDecompress": ([pointer, ctypes.c_int, ctypes.c_size_t], None),
        "jpeg_CreateCompress": ([pointer, ctypes.c_int, ctypes.c_size_t], None),
        "jpeg_mem_src": ([pointer, pointer, ctypes.c_ulong], None),
        "jpeg_mem_dest": ([pointer, pointer, pointer], None),
        "jpeg_read_header": ([pointer, ctypes.c_int], ctypes.c_int),
        "jpeg_start_decompress": ([pointer], ctypes.c_int),
        "jpeg_crop_scanline": ([pointer, pointer, pointer], None),
        "jpeg_skip_scanlines": ([pointer, number], number),
        "jpeg_read_scanlines": ([pointer, pointer, number], number),
        "jpeg_destroy_decompress": ([pointer], None),
        "jpeg_destroy_compress": ([pointer], None),
        "jpeg_read_coefficients": ([pointer], pointer),
        "jpeg_copy_critical_parameters": ([pointer, pointer], None),
        "jpeg_write_coefficients": ([pointer, pointer], None),
        "jpeg_finish_compress": ([pointer], None),
    }
    for name, (arguments, result) in signatures.items():
        function = getattr(functions, name)
        function.argtypes, function.restype = arguments, result


# Errors -------------------------------------------------------------------------------------------------------------

_Exit = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_Format = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)


def error_manager(functions: ctypes.CDLL, leave: ctypes._FuncPointer) -> ctypes.Array:
    """libjpeg's usual error manager, with another way out; keep ``leave`` as long as it."""
    manager = ctypes.create_string_buffer(ERROR_SIZE)
    functions.jpeg_std_error(manager)
    ctypes.c_void_p.from_buffer(manager, ERROR_EXIT).value = ctypes.cast(leave, ctypes.c_void_p).value
    return manager


def way_out(report: Callable[[str], None]) -> ctypes._FuncPointer:
    """What ends the process, after ``report`` was told libjpeg's message."""

    def leave(state: int) -> None:
        try:
            manager = ctypes.c_void_p.from_address(state).value or 0
            text = ctypes.create_string_buffer(LONGEST_MESSAGE)
            _Format(ctypes.c_void_p.from_address(manager + ERROR_FORMAT).value or 0)(state, text)  # type: ignore[arg-type]
            report(text.value.decode("ascii", "replace"))
        finally:
            os._exit(1)

    return _Exit(leave)
