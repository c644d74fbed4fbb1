"""Packed names come out as they went in."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.data.paths import PathTable, StringTable, split_path
from siamtrack.data.sequence import NumberedPaths

NAMES = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=12)


@settings(deadline=None)
@given(st.lists(NAMES, max_size=8), st.data())
def test_strings_survive(words, data):
    table = StringTable.of(words)
    assert [table[i] for i in range(len(table))] == words
    rows = data.draw(st.lists(st.integers(0, len(words) - 1), max_size=12)) if words else []
    taken = table.take(np.array(rows, np.int64))
    assert [taken[i] for i in range(len(taken))] == [words[row] for row in rows]
    with pytest.raises(IndexError):
        table[len(words)]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=6).map(lambda b: b.replace(b"\0", b"")), max_size=6))
def test_byte_strings_are_packed_like_others(words):
    table = StringTable.from_bytes(np.array(words, "S"))
    assert [os.fsencode(table[i]) for i in range(len(table))] == words


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, st.text("0123456789ab%./", min_size=1, max_size=30)), max_size=8))
def test_paths_survive_with_any_digits_and_percent_signs(parts):
    paths = [os.path.normpath(os.path.join(folder, name)) for folder, name in parts]
    table = PathTable.of([paths])
    assert [table[i] for i in range(len(table))] == paths


def test_numbered_paths_are_one_pattern():
    lists = [
        NumberedPaths("100%/a", "%08d.jpg", 1, 3),
        ["x/000.png", "x/001.png", "x/plain.png"],
        NumberedPaths("100%/a", "%08d.jpg", 9, 2),
    ]
    table = PathTable.of(lists)
    assert [table[i] for i in range(8)] == [path for part in lists for path in part]
    assert len(table.patterns) == 3
    taken = table.take(np.array([7, 0]))
    assert [taken[0], taken[1]] == [os.path.join("100%/a", "00000010.jpg"), os.path.join("100%/a", "00000001.jpg")]


def test_a_pattern_keeps_leading_zeros_and_digits_beyond_an_integer():
    assert split_path("s/0012.jpg") == (os.path.join("s", "%04d.jpg"), 12)
    assert split_path("s/12.jpg") == (os.path.join("s", "%d.jpg"), 12)
    assert split_path("s/plain.jpg") == ("s/plain.jpg", -1)
    long = "s/" + "9" * 40 + ".jpg"
    pattern, number = split_path(long)
    assert pattern % number == long
    assert number < 2**63
