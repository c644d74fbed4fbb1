"""The allocator, and why a block that is never touched makes array arithmetic faster."""

from __future__ import annotations

import numpy as np

_BLOCK = 1 << 24  # bytes


def keep_freed_memory() -> None:
    """Let memory that arrays of some hundred kilobytes free stay with the process.

    The C library of Linux hands freed memory back to the system at once, and the system clears every page of it again
    for the next array, which costs several times what the arithmetic costs. How much it keeps follows the largest
    block that was ever freed (``M_MMAP_THRESHOLD`` in ``mallopt(3)``); one of 16 MB, of which no page is used, says
    enough. Takes microseconds; without effect elsewhere.
    """
    np.empty(_BLOCK, np.uint8)
