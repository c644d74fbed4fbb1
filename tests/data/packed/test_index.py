"""Every file of an index is found, and no other; its size does not show."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.data.errors import DataError
from siamtrack.data.packed.index import Index, Location, Shard, write_index

NAMES = st.lists(
    st.lists(st.text("ab0./-é", min_size=1, max_size=4).filter(lambda part: "/" not in part), min_size=1, max_size=3)
    .map("/".join),
    min_size=1, max_size=20, unique=True,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(NAMES)
def test_what_was_written_is_found(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("index")
    places = {name: Location(i % 3, 512 * i, i) for i, name in enumerate(names)}
    assert write_index(folder, [Shard("000000.tar", 10)], places.items()) == len(names)
    index = Index(folder)
    assert {name: index.find(name) for name in names} == places
    assert index.find("nobody.jpg") is None
    for directory in {"", *(name.rpartition("/")[0] for name in names)}:
        there = [name.rpartition("/")[2] for name in names if name.rpartition("/")[0] == directory]
        assert sorted(index.names_in(directory)) == sorted(there)


def test_a_hundred_thousand_files_open_and_are_found_at_once(tmp_path):
    names = [f"train/GOT-10k_Train_{i // 100:06}/{i % 100 + 1:08}.jpg" for i in range(100_000)]
    write_index(tmp_path, [Shard("000000.tar", 10)], ((name, Location(0, i, 1)) for i, name in enumerate(names)))
    start = time.process_time()
    index = Index(tmp_path)
    for i in range(0, len(names), 100):
        assert index.find(names[i]) == Location(0, i, 1)
    assert index.names_in("train/GOT-10k_Train_000777") == [f"{i + 1:08}.jpg" for i in range(100)]
    assert time.process_time() - start < 0.5, "1000 look-ups, one listing"


def test_of_two_files_with_one_name_the_later_counts(tmp_path):
    assert write_index(tmp_path, [Shard("a", 1)], [("x", Location(0, 1, 1)), ("x", Location(0, 2, 2))]) == 1
    assert Index(tmp_path).find("x") == Location(0, 2, 2)


def test_an_index_of_another_format_is_a_sentence(tmp_path):
    write_index(tmp_path, [Shard("a", 1)], [("x", Location(0, 1, 1))])
    about = tmp_path / "index.json"
    about.write_text(about.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(DataError, match="of format 9, but this siamtrack reads 1"):
        Index(tmp_path)
