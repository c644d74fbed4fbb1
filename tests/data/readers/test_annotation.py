"""Text files in every spelling of the benchmarks, and the order of frame files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.data.readers import annotation
from siamtrack.data.sequence import DataError

ROWS = [[1.0, 2.5, 30.0, 40.0], [5.0, 6.0, 7.0, 1e-13], [float("nan")] * 4]


@pytest.mark.parametrize("separator", [",", "\t", " ", ", ", " \t ", ",\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("tail", ["", "END", "END END "])
def test_every_separator_and_line_end(tmp_path: Path, separator: str, end: str, tail: str) -> None:
    body = end.join(separator.join("NaN" if v != v else repr(v) for v in row) for row in ROWS)
    path = tmp_path / "a.txt"
    path.write_bytes((body + tail.replace("END", end)).encode())
    np.testing.assert_array_equal(annotation.read_rows(path), ROWS)


def test_separators_may_change_from_line_to_line_and_a_byte_order_mark_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf1,2,3,4\n5\t6\t7\t8\n9 10 11 12\n")
    np.testing.assert_array_equal(annotation.read_rows(path), np.arange(1.0, 13).reshape(3, 4))


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(width=64), min_size=4, max_size=4), min_size=1, max_size=5))
def test_numbers_survive_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]]) -> None:
    path = tmp_path_factory.getbasetemp() / "bits.txt"
    path.write_text("\n".join(",".join(map(repr, row)) for row in rows))
    np.testing.assert_array_equal(annotation.read_rows(path), rows)


WANTED = "expected is 4 numbers a line, separated by commas, tabs or blanks."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("1;2;3;4\n", f", line 1: '1;2;3;4' is not 4 numbers; {WANTED}"),
        ("1,2,3,4\n1,2,3\n", f", line 2: '1 2 3' is not 4 numbers; {WANTED}"),
        ("1,2,3,4\n\n1,2,3,4\n", f", line 2: '' is not 4 numbers; {WANTED}"),
        ("1,2,3,4\n1,2,x,4\n", f", line 2: '1 2 x 4' are not numbers; {WANTED}"),
        (" \n", f": is empty; {WANTED}"),
        (",\t\n", f": holds separators and no number; {WANTED}"),
        (None, f": cannot be read (No such file or directory); {WANTED}"),
        ("\xff\xfe\x00", f": is not text; {WANTED}"),
    ],
)
def test_the_sentence_names_file_and_line(tmp_path: Path, content: str | None, sentence: str) -> None:
    path = tmp_path / "boxes.txt"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        annotation.read_rows(path)
    assert str(caught.value) == f"{path}{sentence}"


def test_regions_are_boxes_corners_or_quadrilaterals(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1,2,11,22\n")
    np.testing.assert_array_equal(annotation.read_regions(path)[0], [[1, 2, 11, 22]])
    np.testing.assert_array_equal(annotation.read_regions(path, "xyxy")[0], [[1, 2, 10, 20]])
    for corners in ("10,20,50,20,50,40,10,40", "10,40,50,40,50,20,10,20"):  # either sense of rotation
        path.write_text(corners)
        boxes, polygons = annotation.read_regions(path)
        np.testing.assert_allclose(boxes, [[30 - 41 / 2, 30 - 21 / 2, 41, 21]])  # one pixel larger, as pysot starts
        np.testing.assert_array_equal(polygons, [list(map(float, corners.split(",")))])
    path.write_text("5,5,5,5,5,5,5,5")
    assert np.isnan(annotation.read_regions(path)[0]).any()  # no extent: reported by check, no warning here


def test_flags_in_a_line_or_one_a_line(tmp_path: Path) -> None:
    for content in ("0,1,0\n", "0\n1\n0\n", "0\t1 0"):
        (tmp_path / "flags").write_text(content)
        flags = annotation.read_flags(tmp_path / "flags")
        assert flags is not None
        assert flags.tolist() == [0, 1, 0]
    assert annotation.read_flags(tmp_path / "none") is None
    for content in ("0,a", "0,99999999999999999999"):
        (tmp_path / "flags").write_text(content)
        with pytest.raises(DataError, match=r"flags: holds something that is no whole number; expected is whole num"):
            annotation.read_flags(tmp_path / "flags")


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9), unique=True, max_size=20))
def test_natural_order_is_numerical_order(numbers: list[int]) -> None:
    names = sorted((f"img{n}.jpg" for n in numbers), key=annotation.natural_key)
    assert names == [f"img{n}.jpg" for n in sorted(numbers)]
    assert [annotation.frame_number(name) for name in names] == sorted(numbers)


def test_digits_that_are_no_decimals_are_letters() -> None:
    assert sorted(("²1.jpg", "٣.jpg", "2.jpg"), key=annotation.natural_key) == ["2.jpg", "٣.jpg", "²1.jpg"]


def test_images_of_a_folder_in_order_without_hidden_and_other_files(tmp_path: Path) -> None:
    for name in ("2.jpg", "10.jpg", "1.JPG", "._1.jpg", "a.txt", "3.png"):
        (tmp_path / name).touch()
    assert annotation.image_names(tmp_path) == ["1.JPG", "2.jpg", "3.png", "10.jpg"]
    assert annotation.image_names(tmp_path / "none") == []


@settings(deadline=None)
@given(first=st.integers(0, 2000), count=st.integers(0, 40), digits=st.integers(1, 5), gap=st.booleans())
def test_frames_keep_their_files_whether_they_follow_a_pattern_or_not(
    first: int, count: int, digits: int, gap: bool
) -> None:
    names = [f"100%_{n:0{digits}d}.jpg" for n in range(first, first + count)]
    names = names[:2] + names[3:] if gap else names
    frames = annotation.image_frames("folder", names)
    assert [frames.path(i) for i in range(len(frames))] == [f"folder/{name}" for name in names]
    assert isinstance(frames._paths, annotation.NumberedPaths) == (bool(names) and not (gap and count > 3))
