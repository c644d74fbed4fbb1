"""Plain decimal numbers in text files, read many files at a time and exact to the last bit.

What trackers write is nearly always the same few things: digits, a point, one separator, a line end. Such text is read
here by arithmetic on arrays of bytes; anything else (exponents, NaN, repeated separators, rows of unequal length) is
handed back for a closer look, so that this module has no sentences and no rules of its own.

A number of up to 18 digits is an integer m < 2^63 over a power of ten p, both known exactly. m / p is computed as a
rounded quotient and its remainder (Dekker, Numerische Mathematik 18, 1971), whose sum is rounded once more. Where both
ends of the interval around that sum round to the same number, it is the one that ``float`` gives; the few others are
given to ``float``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamtrack.evaluation.memory import keep_freed_memory

Array = NDArray[np.float64]
Words = NDArray[np.uint64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_BATCH = 150_000  # bytes read at a time: what is made of them stays in the second-level cache of a core
_ENDS = np.array([code not in b"-." for code in range(256)])
_SEPARATORS = np.array([code in b",\t \n" for code in range(256)])
_PAD = 24  # digits before the text, so that eight bytes can be taken before any point
_POWERS = np.array([10**k for k in range(19)], np.int64)
_POWERS_FLOAT = _POWERS.astype(np.float64)  # exact: 5^18 < 2^53
# neighbours are added up: bytes to pairs of digits, pairs to fours, fours to eight; factor, shift, what is kept
_STEPS = (
    (10 << 8 | 1, 8, 0x00FF00FF00FF00FF),
    (100 << 16 | 1, 16, 0x0000FFFF0000FFFF),
    (10000 << 32 | 1, 32, 0x00000000FFFFFFFF),
)
_SPLITTER = float(2**27 + 1)
_SLACK = 2.0**-45  # relative error of the remainder's quotient, generously


def parse_tables(texts: Sequence[bytes]) -> list[Array | None]:
    """``[rows, columns]`` of each text; ``None`` for one that is not plain numbers in rows of equal length."""
    keep_freed_memory()
    tables: list[Array | None] = []
    for batch in _batches(texts):
        tables += _parse(batch)
    return tables


def _batches(texts: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for text in texts:
        if batch and size + len(text) > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch


def _parse(texts: list[bytes]) -> list[Array | None]:
    found = _plain([(text.replace(b"\r\n", b"\n") if b"\r" in text else text).strip() for text in texts])
    if found is not None:
        return list(found)
    return [None] if len(texts) == 1 else [table for text in texts for table in _parse([text])]


def _plain(texts: list[bytes]) -> list[Array] | None:
    """The tables of all texts, or ``None`` if one of them is not plain."""
    if not all(texts):
        return None
    joined = b"".join([b"0" * _PAD, *(part for text in texts for part in (text, b"\n"))])
    data = np.frombuffer(joined, np.uint8)
    marks = np.flatnonzero(data < 48)  # all that stands between digits, and signs
    if np.count_nonzero(data - np.uint8(48) < 10) + len(marks) < len(data):
        return None
    fields = _fields(marks, data.take(marks))
    shape = fields and _shape(fields, texts)
    if not fields or not shape:
        return None
    values, hard = _values(np.ndarray((len(data) - 7,), "<u8", data, strides=(1,)), fields)
    for i in np.flatnonzero(hard).tolist():
        values[i] = float(joined[fields.starts[i] : fields.ends[i]])
        if values[i] == np.inf:
            return None
    if fields.negative is not None:
        np.negative(values, out=values, where=fields.negative)
    stops = np.cumsum([rows * columns for rows, columns in shape])
    return [part.reshape(form) for part, form in zip(np.split(values, stops[:-1]), shape, strict=True)]


class _Fields(NamedTuple):
    """Where the numbers of a text are, in bytes.

    Attributes:
        starts: ``[N]`` the first digit or the point.
        point: ``[N]`` the point; where there is none, the separator.
        ends: ``[N]`` the separator.
        fraction: ``[N]`` digits behind the point.
        negative: ``[N]`` whether a minus stands before it; ``None`` if nowhere.
        separators: ``[N]`` codes of the separators.
    """

    starts: Integers
    point: Integers
    ends: Integers
    fraction: Integers
    negative: Mask | None
    separators: NDArray[np.uint8]


def _fields(marks: Integers, kinds: NDArray[np.uint8]) -> _Fields | None:
    """The numbers between the marks of a text; ``None`` if one has no digit, two points or a minus inside."""
    ending = _ENDS.take(kinds)
    if ending.all():
        ends = point = marks
        fields = _Fields(_after(ends), point, ends, np.zeros_like(ends), None, kinds)
    elif not ending[::2].any() and ending[1::2].all() and (kinds[::2] == 46).all():
        point, ends = marks[::2], marks[1::2]
        fields = _Fields(_after(ends), point, ends, ends - point - 1, None, kinds[1::2])
    else:
        found = _mixed(marks, kinds, ending)
        if found is None:
            return None
        fields = found
    digits = fields.point - fields.starts + fields.fraction
    return fields if digits.min() > 0 else None


def _mixed(marks: Integers, kinds: NDArray[np.uint8], ending: Mask) -> _Fields | None:
    """Numbers of which only some have a point or a minus."""
    ends = marks[ending]
    starts = _after(ends)
    field = ending.cumsum() - ending  # the number to which a mark belongs
    minus, points = kinds == 45, kinds == 46
    signed, pointed = field[minus], field[points]
    if len(signed) + len(pointed) + len(ends) < len(marks):
        return None
    if (pointed[1:] == pointed[:-1]).any() or (starts[signed] != marks[minus]).any():
        return None
    point = ends.copy()
    point[pointed] = marks[points]
    fraction = ends - point
    fraction[pointed] -= 1
    negative = np.zeros(len(ends), bool)
    negative[signed] = True
    return _Fields(starts + negative, point, ends, fraction, negative, kinds[ending])


def _after(ends: Integers) -> Integers:
    """Where the numbers before these separators begin."""
    starts = np.empty_like(ends)
    starts[0], starts[1:] = _PAD, ends[:-1] + 1
    return starts


def _shape(fields: _Fields, texts: list[bytes]) -> list[tuple[int, int]] | None:
    """Rows and columns of each text, or ``None`` if one has rows of unequal length or another separator."""
    if not _SEPARATORS.take(fields.separators).all():
        return None
    last = np.flatnonzero(fields.separators == 10)
    columns = np.diff(last, prepend=-1)
    stops = np.searchsorted(fields.ends.take(last), _PAD + np.cumsum([len(text) + 1 for text in texts]))
    rows = np.diff(stops, prepend=0)
    columns_of = columns.take(stops - rows)
    if (columns != np.repeat(columns_of, rows)).any():
        return None
    return list(zip(rows.tolist(), columns_of.tolist(), strict=True))


def _values(words: Words, fields: _Fields) -> tuple[Array, Mask]:
    """Numbers without their sign, and which of them could not be proved right; ``words`` begin at every byte."""
    whole = fields.point - fields.starts
    hard: Mask = whole > 8
    mantissa = _digits(words, fields.point, np.minimum(whole, 8))
    longest = int(fields.fraction.max())
    if not longest:
        return mantissa.astype(np.float64), hard
    hard |= whole + fields.fraction > 18
    fraction = np.minimum(fields.fraction, 18)
    mantissa *= _POWERS.take(fraction)
    for part in range(0, min(longest, 18), 8):
        count = np.minimum(fraction - part if part else fraction, 8)
        digits = _digits(words, fields.ends - part, np.maximum(count, 0, out=count))
        mantissa += digits * 10**part if part else digits
    powers = _POWERS_FLOAT.take(fraction)
    values = mantissa.astype(np.float64)
    quotient = values / powers
    if int(mantissa.max()) > 2**53:
        quotient, other = _rounded(mantissa, values, powers, quotient)
        hard |= quotient != other
    return quotient, hard


def _digits(words: Words, ends: Integers, count: Integers) -> Integers:
    """The number that the last ``count`` (0 to 8) digits before the bytes ``ends`` are."""
    eight = words[ends - 8]
    if int(count.max()) <= 4:
        return _add_up((eight >> np.uint64(32)).astype(np.uint32), 4 - count)
    return _add_up(eight, 8 - count)


def _add_up(digits: NDArray[Any], foreign: Integers) -> Integers:
    """The numbers that digits in one word are, of which the first ``foreign`` ones, the lowest bytes, do not count."""
    kind = digits.dtype.type
    cut = (foreign << 3).astype(kind)
    digits >>= cut
    digits <<= cut
    digits &= kind(0x0F0F0F0F0F0F0F0F & ~(-1 << 8 * digits.itemsize))
    for factor, bits, keep in _STEPS[: digits.itemsize.bit_length() - 1]:
        digits *= kind(factor)
        digits >>= kind(bits)
        digits &= kind(keep & ~(-1 << 8 * digits.itemsize))
    return digits.astype(np.int64)


def _rounded(mantissa: Integers, values: Array, powers: Array, quotient: Array) -> tuple[Array, Array]:
    """Both ends of an interval that holds mantissa / powers, rounded; ``values`` is the mantissa, rounded."""
    rest = (mantissa - values.astype(np.int64)).astype(np.float64)  # exact
    product = quotient * powers
    q_high, q_low = _halves(quotient)
    p_high, p_low = _halves(powers)
    error = ((q_high * p_high - product) + q_high * p_low + q_low * p_high) + q_low * p_low
    correction = ((values - product - error) + rest) / powers
    slack = np.abs(correction) * _SLACK
    return quotient + (correction - slack), quotient + (correction + slack)


def _halves(values: Array) -> tuple[Array, Array]:
    """Numbers as a sum of two of 26 bits, whose products are exact (Veltkamp)."""
    scaled = values * _SPLITTER
    high = scaled - (scaled - values)
    return high, values - high
