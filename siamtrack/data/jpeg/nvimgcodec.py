"""A rectangle of an untouched JPEG by nvImageCodec on the CPU, an extra: ``pip install siamtrack[nvimgcodec]``."""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import numpy as np

from siamtrack.config import ConfigError
from siamtrack.data.jpeg.header import Header

_NO_DEVICE = -99999  # NVIMGCODEC_DEVICE_CPU_ONLY


def decode_region(data: memoryview, header: Header, left: int, top: int, right: int, bottom: int) -> np.ndarray | None:
    """A rectangle, ends exclusive, inside the picture.

    Returns:
        RGB uint8 ``[bottom - top, right - left, 3]``, the pixels of the whole picture there; ``None`` if the library
        cannot decode the file.
    """
    library, decoder = _decoder()
    stream = library.CodeStream(np.frombuffer(data, np.uint8))
    image = decoder.decode(stream.get_sub_code_stream(region=library.Region(top, left, bottom, right)))
    return None if image is None else np.asarray(image.cpu())


@functools.cache
def check_installed() -> None:
    """See that the library is there, without loading it.

    Raises:
        ConfigError: the extra is not installed.
    """
    try:
        there = importlib.util.find_spec("nvidia.nvimgcodec") is not None
    except ModuleNotFoundError:
        there = False
    if not there:
        raise ConfigError(
            "DATA.DECODER nvimgcodec: the library is not installed; pip install siamtrack[nvimgcodec], or take auto."
        )


@functools.cache
def _decoder() -> tuple[Any, Any]:
    from nvidia import nvimgcodec  # type: ignore[import-not-found, import-untyped, unused-ignore]

    backend = nvimgcodec.Backend(nvimgcodec.BackendKind.CPU_ONLY)
    return nvimgcodec, nvimgcodec.Decoder(device_id=_NO_DEVICE, backends=[backend], max_num_cpu_threads=1)
