"""Plain numbers read by arithmetic on bytes: what float() reads, to the last bit, or nothing."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.evaluation.digits import parse_tables

MANTISSAS = st.integers(0, 10**18 - 1) | st.integers(2**53 - 5, 2**53 + 5) | st.integers(2**59, 2**59 + 9)


def bits(values: object) -> list[int]:
    return np.asarray(values, np.float64).ravel().view(np.int64).tolist()


def by_float(text: bytes) -> list[float]:
    return [float(field) for field in text.replace(b",", b" ").split()]


@st.composite
def decimals(draw: st.DrawFn) -> str:
    digits = str(draw(MANTISSAS))
    point = draw(st.integers(0, len(digits)))
    sign = draw(st.sampled_from(["", "", "-"]))
    zeros = "0" * draw(st.integers(0, 3))
    return sign + draw(
        st.sampled_from(
            [zeros + digits, f"{digits[:point]}.{digits[point:]}", f"0.{zeros}{digits}", f"{zeros}{digits}."]
        )
    )


@settings(max_examples=400, deadline=None)
@given(values=st.lists(decimals(), min_size=1, max_size=40))
def test_numbers_are_those_of_float(values: list[str]) -> None:
    text = "\n".join(values).encode()
    (table,) = parse_tables([text])
    assert table is not None
    assert bits(table) == bits(by_float(text))


@settings(max_examples=200, deadline=None)
@given(values=st.lists(st.integers(0, 2**63 - 1), min_size=4, max_size=60).map(lambda v: v[: len(v) // 4 * 4]))
def test_what_python_prints_is_read_back(values: list[int]) -> None:
    """Doubles of any last bits, in the range of coordinates, as a tracker prints them in full."""
    numbers = [struct.unpack("<d", struct.pack("<q", value))[0] for value in values]
    numbers = [
        number if 1e-4 <= abs(number) < 1e7 else value % 10**7 / 7
        for number, value in zip(numbers, values, strict=True)
    ]
    rows = np.array(numbers).reshape(-1, 4).tolist()
    (table,) = parse_tables(["".join(f"{a!r},{b!r},{c!r},{d!r}\n" for a, b, c, d in rows).encode()])
    assert bits(table) == bits(rows)


def test_numbers_between_two_doubles() -> None:
    """The decimals of 18 digits beside the midpoint of two doubles, the hardest to round as float() does."""
    texts = []
    for value in np.random.default_rng(0).uniform(0.1, 1000, 2000).tolist():
        midpoint = (Fraction(value) + Fraction(math.nextafter(value, 2000))) / 2
        places = 18 - len(str(int(midpoint)))
        for digits in (int(midpoint * 10**places), int(midpoint * 10**places) + 1):
            text = str(digits).rjust(places + 1, "0")
            texts.append(f"{text[:-places]}.{text[-places:]}")
    text = "\n".join(texts).encode()
    (table,) = parse_tables([text])
    assert table is not None
    assert bits(table) == bits(by_float(text))


@pytest.mark.parametrize("separator", [",", "\t", " "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_shapes(separator: str, end: str) -> None:
    rows = [separator.join(["1", "-2.5", "30", "0.125"])] * 3
    for text in (end.join(rows), end.join(rows) + end, end + end.join(rows) + end + end):
        (table,) = parse_tables([text.encode()])
        assert table is not None
        assert table.tolist() == [[1, -2.5, 30, 0.125]] * 3


@pytest.mark.parametrize(
    "text",
    [
        b"", b" \n", b"1,2,3,4\n1,2,3\n", b"1,,2\n", b"1,2,\n3,4,\n", b"nan,1\n", b"1e3,1\n", b"+1,2\n", b"1_0\n",
        b"0x1\n", b"1:2\n", b"1;2\n", b"--1\n", b"1-2\n", b"1.2.3\n", b"1.-2\n", b"-\n", b".\n", b"-.\n", b"1\n\n3\n",
        b"1\r2\n", b"1\xa02\n", b"\xef\xbb\xbf1,2\n", b"1,2\x00\n", "١,٢\n".encode(), b"1, 2\n", b"1/2\n",
        b"9" * 400 + b",2\n",
    ],
)  # fmt: skip
def test_everything_else_is_handed_back(text: bytes) -> None:
    good = b"1,2\n3,4\n"
    tables = parse_tables([good, text, good])
    assert tables[1] is None
    for table in (tables[0], tables[2]):
        assert table is not None
        assert table.tolist() == [[1, 2], [3, 4]]


def test_many_files_of_many_styles() -> None:
    rng = np.random.default_rng(1)
    texts, expected = [], []
    for style in ("%r,%r,%r,%r", "%.4f,%.4f,%.4f,%.4f", "%d\t%d\t%d\t%d", "%.2f %.2f %.2f %.2f") * 8:
        rows = rng.normal(100, 150, (int(rng.integers(1, 900)), 4)).tolist()
        texts.append("".join(style % tuple(row) + "\n" for row in rows).encode())
        expected.append(by_float(texts[-1].replace(b"\t", b" ")))
    for table, values in zip(parse_tables(texts), expected, strict=True):
        assert table is not None
        assert table.shape[1] == 4
        assert bits(table) == bits(values)
