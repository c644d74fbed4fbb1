"""Run files of VOT: what is read, what is refused and in which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.evaluation import ResultError
from siamtrack.evaluation.vot.files import parse_run, read_run, read_values, write_run, write_values

ROWS = ["1", "10,20,30,40", "2", "0", "1,1,9,1,9,9,1,9"]


@pytest.mark.parametrize(
    "joined", ["\n".join(ROWS), "\r\n".join(ROWS) + "\r\n\r\n", "\n".join(ROWS).replace(",", "\t")]
)
def test_codes_boxes_and_polygons_are_told_apart_by_their_numbers(joined: str) -> None:
    regions = parse_run(joined, "f")
    assert regions.counts.tolist() == [1, 4, 1, 1, 8]
    assert [regions.is_code(code).nonzero()[0].tolist() for code in (1, 2, 0)] == [[0], [2], [3]]
    assert regions.corners()[0][1].tolist() == [[10, 20], [40, 20], [40, 60], [10, 60]]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("", "f: the file is empty; one row per frame expected"),
        ("1\n\n5,5,5,5", "f, row 2: the line is empty; a row is 1"),
        ("1\n5,5,5", "f, row 2: 3 numbers; a row is 1 .initialisation., 2 .failure., 0 .skipped., x,y,w,h"),
        ("1\n1,2,3,4,5,6,7", "f, row 2: 7 numbers"),
        ("1\n5,5,five,5", "f, row 2: '5 5 five 5' is not numbers separated by comma, tab or blank"),
        ("1\n1_0,5,5,5", "f, row 2: '1_0 5 5 5' is not numbers"),
        ("1\nm12,4,3,3,0,9", "f, row 2: holds a mask"),
        ("1\nnan,5,5,5", "f, row 2: 'nan 5 5 5' has a number that is no coordinate"),
        ("1\n5,5,inf,5", "f, row 2: '5 5 inf 5' has a number that is no coordinate"),
        ("1\n5,5,1e9,5", "f, row 2: '5 5 1e9 5' has a number that is no coordinate"),
        ("1\n5,5,5,5\n3", "f, row 3: '3' is no code; a row is 1"),
        ("1\n5,5,5,5\n0.5", "f, row 3: '0.5' is no code"),
        ("1\n5,5,5,5\nnan", "f, row 3: 'nan' has a number that is no coordinate"),
    ],
)
def test_sentences(rows: str, sentence: str) -> None:
    with pytest.raises(ResultError, match=sentence):
        parse_run(rows, "f")


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789,. \t\n\r-einfam_;x", max_size=60) | st.text(max_size=40))
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    try:
        regions = parse_run(text, "f")
    except ResultError:
        return
    assert np.isfinite(regions.values).all()
    assert len(regions) == len(text.rstrip().splitlines())


number = st.integers(-(10**6), 10**6).map(lambda n: n / 64)
row = st.sampled_from([(0.0,), (1.0,), (2.0,)]) | st.sampled_from([4, 6, 8]).flatmap(lambda n: st.tuples(*[number] * n))


@settings(max_examples=50, deadline=None)
@given(st.lists(row, min_size=1, max_size=8))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, ...]]) -> None:
    path = tmp_path_factory.getbasetemp() / "again" / "s_001.txt"
    write_run(path, rows)
    regions = read_run(path)
    assert regions.counts.tolist() == list(map(len, rows))
    for values, expected in zip(regions.values, rows, strict=True):
        np.testing.assert_allclose(values[: len(expected)], expected, atol=0.5e-4)


def test_a_run_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="row 2: 'nan nan nan nan' has a number that is no coordinate"):
        write_run(tmp_path / "s_001.txt", [(1,), (np.nan,) * 4])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["\n0.5\n0.25\n", "0.5\n0.25\n", "\n0.5\n0.25\n\n"])
def test_values_beside_a_run_may_leave_the_first_row_out(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s_001_confidence.value"
    path.write_text(text)
    np.testing.assert_array_equal(read_values(path, 3), [np.nan, 0.5, 0.25])
    write_values(path, [np.nan, 0.5])
    np.testing.assert_array_equal(read_values(path, 2), [np.nan, 0.5])


def test_values_of_another_length_or_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s_001_confidence.value"
    path.write_text("0.5\n0.25\n")
    with pytest.raises(ResultError, match="2 values for 5 rows of the run; one per row is right"):
        read_values(path, 5)
    path.write_text("\n0.5\nhigh\n")
    with pytest.raises(ResultError, match="line 3: 'high' is not a number"):
        read_values(path, 3)
    with pytest.raises(ResultError, match="cannot be read"):
        read_run(tmp_path / "none.txt")
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ResultError, match="not a text file"):
        read_run(path)
