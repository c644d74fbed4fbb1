"""Counter-based random numbers: every draw is addressed, none depends on what was drawn before it.

Words come from Philox4x64-10 (Salmon et al., SC 2011) under a key of (seed, stream); word n of a stream is the same
whoever asks for it, so a sample does not depend on the worker, rank or order in which it is made. What is derived
from the words is computed here, because NumPy promises the bits of its bit generators for ever but not those of its
``Generator`` methods.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 4  # words that one Philox counter gives
_MASK = 2**64 - 1


def words(seed: int, stream: int, first: int, count: int, width: int) -> np.ndarray:
    """``[count, width]`` uint64: the words of samples ``first .. first + count - 1``.

    Args:
        seed: of the run.
        stream: what the words are for; streams are independent.
        first: first sample.
        count: samples.
        width: words a sample owns, a multiple of 4.
    """
    if width % _BLOCK:
        raise ValueError(f"a sample's words come in blocks of {_BLOCK}, not {width}.")
    generator = np.random.Philox(key=np.array([seed & _MASK, stream & _MASK], np.uint64))
    generator.advance(first * (width // _BLOCK))
    raw: np.ndarray = generator.random_raw(count * width)
    return raw.reshape(count, width)


def uniform(bits: np.ndarray) -> np.ndarray:
    """Words as float64 in [0, 1)."""
    result: np.ndarray = (bits >> np.uint64(11)) * 2.0**-53
    return result


def integers(bits: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Words as int64 in ``0 .. bound - 1``, for bounds below 2^53."""
    return np.minimum((uniform(bits) * bound).astype(np.int64), np.asarray(bound) - 1)


def normal(bits: np.ndarray) -> np.ndarray:
    """Words ``[..., 2 n]`` as as many standard normals, in pairs (Box and Muller, 1958)."""
    u = uniform(bits)
    radius = np.sqrt(-2 * np.log1p(-u[..., 0::2]))
    angle = 2 * np.pi * u[..., 1::2]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], -1)


def permutation(seed: int, stream: int, count: int) -> np.ndarray:
    """``[count]`` int64: 0 .. count - 1 in random order."""
    blocks = -(-count // _BLOCK)
    keys = words(seed, stream, 0, blocks, _BLOCK).reshape(-1)[:count]
    return np.argsort(keys, kind="stable")
