"""Text files of boxes and times: every spelling found in the wild, a sentence for everything else."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack import evaluation
from siamtrack.evaluation import ResultError
from siamtrack.evaluation.formats import parse_boxes

ROWS = [[198.0, 214.0, 34.0, 81.0], [197.5, -2.25, 1e-13, 80.0]]


@pytest.mark.parametrize(
    "text",
    [
        "198,214,34,81\n197.5,-2.25,1e-13,80\n",
        "198, 214, 34, 81\n197.5, -2.25, 1e-13, 80",
        "198\t214\t34\t81\n197.5\t-2.25\t1e-13\t80\n",
        "198 214 34 81\n197.5 -2.25 1e-13 80\n",
        "  198   214 34 81  \n\n197.5 -2.25 1e-13 80\n\n",
        "198;214;34;81\n197.5;-2.25;1e-13;80\n",
        "198,214,34,81\r\n197.5,-2.25,1e-13,80\r\n",
        "198,214,34,81\r197.5,-2.25,1e-13,80\r",
        "198,214\t34 81\n197.5 -2.25,1e-13,80,\n",
        "198.0000,214.0000,34.0000,81.0000\n197.5000,-2.2500,0.00000000000010000,80.0000\n",
    ],
)
def test_spellings(text: str) -> None:
    assert parse_boxes(text, "a.txt").tolist() == ROWS


def test_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf1,2,3,4\n")
    assert evaluation.read_boxes(tmp_path / "a.txt").tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a.txt: the file is empty; one row per frame expected."),
        (" \n\n", "a.txt: the file is empty"),
        ("1,2,3,4\n1,2,nan,4\n", "a.txt, row 2: nan is no coordinate; finite numbers expected."),
        ("1,2,3,4\n1,2,3,inf\n", "a.txt, row 2: inf is no coordinate"),
        ("1,2,3,1e999\n", "a.txt, row 1: inf is no coordinate"),
        ("1:2:3:4\n", "a.txt, line 1: '1:2:3:4' is not numbers separated by comma, tab or blank."),
        ("1|2|3|4\n", "a.txt, line 1: '1|2|3|4' is not numbers"),
        ("1,2,3,4\n\n1,2,three,4\n", "a.txt, line 3: '1,2,three,4' is not numbers"),
        ("1_0,2,3,4\n", "a.txt, line 1: '1_0,2,3,4' is not numbers"),
        ("1,2,3,4\n1,,3,4\n", "a.txt, line 2: a number is missing between two separators: '1,,3,4'."),
        (",1,2,3\n", "a.txt, line 1: a number is missing"),
        ("1,2,3,4\n1,2,3\n", "a.txt, line 2: 3 numbers, the rows before have 4."),
        ("1\n1,2,3,4\n", "a.txt, line 2: 4 numbers, the rows before have 1. Rows of one number mark restarts"),
        ("1\n2\n", "a.txt: one number a row (restart marks, or confidences); boxes x, y, w, h expected."),
        ("1,2\n", "a.txt: two numbers a row"),
        ("1,2,3,4,5\n", "a.txt: 5 numbers a row; boxes x, y, w, h expected."),
        ("1,2,3,4,5,6,7,8\n", "a.txt: eight numbers a row, polygons; boxes x, y, w, h expected."),
    ],
)
def test_sentences(text: str, sentence: str) -> None:
    with pytest.raises(ResultError, match=re.escape(sentence)):
        parse_boxes(text, "a.txt")


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"missing.txt: cannot be read \(No such file"):
        evaluation.read_boxes(tmp_path / "missing.txt")
    with pytest.raises(ResultError, match="cannot be read"):
        evaluation.read_boxes(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe1\x00,\x00")
    with pytest.raises(ResultError, match="not a text file"):
        evaluation.read_boxes(tmp_path / "a.txt")


def test_nan_is_kept_where_asked_for() -> None:
    assert np.isnan(parse_boxes("NaN,NaN,NaN,NaN\n1,2,3,4", "a.txt", allow_nan=True)[0]).all()


numberish = st.sampled_from(["1", "-2.5", "1e3", "nan", "inf", "x", "", "1_0", "0x1", "١", "1e", "--1", "\x00", "#"])
separators = st.sampled_from([",", "\t", " ", ";", ", ", "|", "\n", "\r\n", "\x1c", "\u2028", ""])
texts = st.one_of(
    st.text(max_size=60),
    st.lists(st.tuples(numberish, separators), max_size=30).map(lambda p: "".join(a + b for a, b in p)),
)


def boxes_or_sentence(text: str) -> np.ndarray | str:
    try:
        return parse_boxes(text, "a.txt")
    except ResultError as error:
        return str(error)


@settings(max_examples=1500, deadline=None)
@given(text=texts)
def test_any_text_is_boxes_or_a_sentence(text: str) -> None:
    boxes = boxes_or_sentence(text)
    if isinstance(boxes, str):
        assert boxes.startswith("a.txt")
        return
    assert boxes.shape[1] == 4
    assert np.isfinite(boxes).all()
    # what was accepted is what float() reads, number by number
    fields = re.split(r"[,;\s]+", text.strip().strip(",; \t"))
    assert boxes.ravel().tolist() == [float(field) for field in fields if field]


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=80))
def test_any_file_is_boxes_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.txt"
    path.write_bytes(content)
    for read in (evaluation.read_boxes, evaluation.read_times):
        with contextlib.suppress(ResultError):
            assert read(path).dtype == np.float64


def test_what_is_written_is_read(tmp_path: Path) -> None:
    boxes = np.random.default_rng(0).normal(100, 200, (50, 4))
    path = tmp_path / "folder" / "a.txt"
    evaluation.write_boxes(path, boxes)
    assert np.abs(evaluation.read_boxes(path) - boxes).max() <= 0.5e-4
    assert re.fullmatch(r"(-?\d+\.\d{4},){3}-?\d+\.\d{4}", path.read_text().splitlines()[0])
    evaluation.write_times(tmp_path / "a_time.txt", np.array([0.1, 0.25]))
    assert evaluation.read_times(tmp_path / "a_time.txt").tolist() == [0.1, 0.25]
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.txt"]  # nothing partial stays


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="row 2: nan is no coordinate"):
        evaluation.write_boxes(tmp_path / "a.txt", np.array([[1, 2, 3, 4], [1, np.nan, 3, 4]]))
    with pytest.raises(ResultError, match=r"should be \[frames, 4\], these are \[3\]"):
        evaluation.write_boxes(tmp_path / "a.txt", np.ones(3))
    assert not list(tmp_path.iterdir())


def test_times_of_several_runs(tmp_path: Path) -> None:
    (tmp_path / "a_time.txt").write_text("0.1,0.2\n0.3,nan\n")
    assert evaluation.read_times(tmp_path / "a_time.txt").shape == (2, 2)
