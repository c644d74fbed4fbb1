"""Counter-based random numbers: every draw is addressed, none depends on what was drawn before it.

Words come from Philox4x64-10 (Salmon et al., SC 2011) under a key of (seed, stream); word n of a stream is the same
whoever asks for it, so a sample does not depend on the worker, rank or order in which it is made. What is derived
from the words is computed here, because NumPy promises the bits of its bit generators for ever but not those of its
``Generator`` methods.
"""

from __future__ import annotations

import numpy as np

# What streams are for; a use adds its own number below 2^56.
SAMPLES, ORDER, LISTS, CATEGORIES, SUBSTITUTES = (purpose << 56 for purpose in range(5))

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
    drawn: np.ndarray = np.minimum((uniform(bits) * bound).astype(np.int64), np.asarray(bound) - 1)
    return drawn


def normal(bits: np.ndarray) -> np.ndarray:
    """Words ``[..., 2 n]`` as as many standard normals, in pairs (Box and Muller, 1958)."""
    u = uniform(bits)
    radius = np.sqrt(-2 * np.log1p(-u[..., 0::2]))
    angle = 2 * np.pi * u[..., 1::2]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], -1)


def permutations(seed: int, stream: int, first: int, count: int, length: int) -> np.ndarray:
    """``[count, length]`` int64: 0 .. length - 1 in random order: ``count`` shuffles of a stream."""
    width = -(-length // _BLOCK) * _BLOCK
    return np.argsort(words(seed, stream, first, count, width)[:, :length], axis=1, kind="stable")
