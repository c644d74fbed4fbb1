"""Frames decode lazily and rightly, bad files get a sentence, and the numbers of a file stay what they are."""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.data import sequence as module
from siamtrack.data.sequence import DataError, Frames, ImageFrames, NumberedPaths, Sequence, VideoFrames, read_image
from tests.external import external

GREYS = [20, 60, 100, 140, 180, 220]  # of the frames of the test video, far apart: compression keeps them distinct


def encoded(suffix: str = ".jpg") -> bytes:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    return cv2.imencode(suffix, image)[1].tobytes()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "six.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (32, 24))
    for grey in GREYS:
        writer.write(np.full((24, 32, 3), (grey, grey // 2, 0), np.uint8))  # BGR
    writer.release()
    return path


def shown(frame: np.ndarray) -> int:
    """Which frame of the test video this is."""
    assert frame.shape == (24, 32, 3)
    assert frame.dtype == np.uint8
    return int(np.argmin(np.abs(np.array(GREYS) - frame[..., 2].mean())))


# Image files --------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(first=st.integers(0, 999), count=st.integers(0, 30), digits=st.integers(1, 8))
def test_numbered_paths_are_the_formatted_numbers(first: int, count: int, digits: int) -> None:
    paths = NumberedPaths("a%b", f"%0{digits}d.jpg", first, count)
    expected = [os.path.join("a%b", f"{n:0{digits}d}.jpg") for n in range(first, first + count)]
    assert list(paths) == expected
    assert paths[1:5] == expected[1:5]
    assert len(paths) == count
    if count:
        assert paths[-1] == expected[-1]
    with pytest.raises(IndexError):
        paths[count]


def test_frames_are_rgb_and_read_only_when_asked_for(tmp_path: Path) -> None:
    frames = ImageFrames(NumberedPaths(tmp_path, "%03d.png", 7, 2))  # nothing is there yet
    assert len(frames) == 2
    cv2.imwrite(str(tmp_path / "007.png"), np.full((4, 6, 3), (1, 2, 3), np.uint8))  # BGR
    cv2.imwrite(str(tmp_path / "008.png"), np.full((4, 6), 9, np.uint8))  # grey
    assert frames[0].shape == (4, 6, 3)
    assert frames[0][0, 0].tolist() == [3, 2, 1]
    assert frames[-1][0, 0].tolist() == [9, 9, 9]
    assert [f[0, 0, 0] for f in frames] == [3, 9]
    assert frames.path(1) == str(tmp_path / "008.png")
    assert isinstance(frames, Frames)


def test_pickled_frames_are_as_small_as_a_pattern(tmp_path: Path) -> None:
    frames = ImageFrames(NumberedPaths(tmp_path, "%08d.jpg", 1, 100_000))
    data = pickle.dumps(frames)
    assert len(data) < 400
    assert pickle.loads(data).path(99_999) == frames.path(99_999)  # noqa: S301 - our own


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(1, 10_000), suffix=st.sampled_from([".jpg", ".png"]))
def test_a_cut_image_is_refused_wherever_it_was_cut(cut: int, suffix: str) -> None:
    whole = encoded(suffix)
    minimum = 1 if suffix == ".jpg" else 8  # a PNG without its last checksum still holds every pixel
    keep = (len(whole) - minimum) * (cut % 1000) // 1000
    path = Path(tempfile.gettempdir()) / f"siamtrack-cut-{os.getpid()}{suffix}"
    try:
        path.write_bytes(whole)
        assert read_image(path).shape == (20, 30, 3)
        path.write_bytes(whole[:keep])
        with pytest.raises(DataError, match=r"cut short|is not an image") as caught:
            read_image(path)
        assert str(path) in str(caught.value)
    finally:
        path.unlink(missing_ok=True)


def test_the_end_of_an_embedded_thumbnail_is_not_the_end_of_the_picture(tmp_path: Path) -> None:
    whole, path = encoded(), tmp_path / "a.jpg"
    segment = b"Exif\0\0" + whole
    whole = whole[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + whole[2:]
    path.write_bytes(whole)
    assert read_image(path).shape == (20, 30, 3)
    path.write_bytes(whole[:-20])
    with pytest.raises(DataError, match="cut short"):
        read_image(path)


def test_bytes_after_the_end_of_a_jpeg_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded() + b"\0" * 100)
    assert read_image(tmp_path / "a.jpg").shape == (20, 30, 3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "the frame cannot be opened (No such file or directory)."),
        (b"", "is not an image that OpenCV can decode (0 bytes)."),
        (b"hello", "is not an image that OpenCV can decode (5 bytes)."),
        (encoded()[:-40], "the image is cut short (its end marker is missing); fetch the file again."),
    ],
)
def test_the_sentence_for_an_unreadable_frame_names_the_file(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        ImageFrames([path])[0]
    assert str(caught.value) == f"{path}: {sentence}"


# Video --------------------------------------------------------------------------------------------------------------


def test_video_is_counted_by_reading_and_comes_as_rgb(video: Path) -> None:
    frames = VideoFrames(video)
    assert len(frames) == 6
    assert frames[5][0, 0, 0] < 10  # blue was last in BGR, red is first in RGB
    assert [shown(frame) for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert isinstance(frames, Frames)


@settings(deadline=None, max_examples=30)
@given(order=st.lists(st.integers(-6, 5), max_size=8))
def test_any_order_of_frames_is_right(video: Path, order: list[int]) -> None:
    frames = VideoFrames(video)
    assert [shown(frames[i]) for i in order] == [i % 6 for i in order]


def test_going_forward_opens_the_file_once(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    original = VideoFrames._open
    monkeypatch.setattr(VideoFrames, "_open", lambda self: opened.append(1) or original(self))
    frames = VideoFrames(video, 6)
    for index in (0, 1, 1, 3, 3, 5):
        assert shown(frames[index]) == index
    assert len(opened) == 1
    assert shown(frames[0]) == 0
    assert len(opened) == 2


def test_a_video_survives_pickling_and_a_fork_midway(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = VideoFrames(video)
    assert shown(frames[2]) == 2
    copy = pickle.loads(pickle.dumps(frames))  # noqa: S301 - our own
    assert shown(copy[3]) == 3
    first = frames._capture
    monkeypatch.setattr(module.os, "getpid", lambda: -5)  # a child must not share its parent's place in the file
    assert shown(frames[3]) == 3
    assert frames._capture is not first


def test_a_video_without_known_length_iterates_as_a_sequence_does(video: Path) -> None:
    frames = VideoFrames(video)
    with pytest.raises(IndexError):
        frames[6]
    with pytest.raises(IndexError):
        VideoFrames(video, 6)[6]


def test_a_video_shorter_than_its_annotation_gets_a_sentence(video: Path) -> None:
    sentence = f"{video}: frame 6 (counted from 0) cannot be read; the video ends before it."
    with pytest.raises(DataError) as caught:
        VideoFrames(video, 8)[7]
    assert str(caught.value) == sentence.replace("frame 6", "frame 7")
    with pytest.raises(DataError) as caught:
        list(VideoFrames(video, 8))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("content", "words"), [(None, "there is no such file"), (b"", "cannot open"), (b"x" * 999, "cannot open")]
)
def test_an_empty_or_missing_video_gets_a_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "a.avi"
    if content is not None:
        path.write_bytes(content)
    for use in (len, list, lambda frames: frames[0]):
        with pytest.raises(DataError, match=words) as caught:
            use(VideoFrames(path))
        assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(("name", "count"), [("car.mpg", 945), ("pedestrian3.mpg", 184)])
def test_containers_that_lie_about_their_length(name: str, count: int) -> None:
    path = external("SEQUENCES") / "video" / name
    assert len(VideoFrames(path)) == count
    assert int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT)) != count


# Sequences ----------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=False, width=64), min_size=4, max_size=4))
def test_the_numbers_of_the_file_stay_bit_for_bit(row: list[float]) -> None:
    rows = np.array([row])
    sequence = Sequence("a", ImageFrames(["a.jpg"]), rows.copy(), offset=1.0)
    assert sequence.file_boxes.tobytes() == rows.tobytes()
    np.testing.assert_array_equal(sequence.boxes, rows - [1.0, 1.0, 0.0, 0.0])
    assert sequence.file_boxes.tobytes() == rows.tobytes()
    np.testing.assert_array_equal(sequence.init_box, sequence.boxes[0])


def test_defaults_and_immutability() -> None:
    sequence = Sequence("a", ImageFrames(["a.jpg", "b.jpg"]), np.zeros((2, 4), np.float32))
    assert (len(sequence), sequence.group, sequence.offset) == (2, "a", 0.0)
    assert sequence.file_boxes.dtype == np.float64
    with pytest.raises(AttributeError):
        sequence.name = "b"  # type: ignore[misc]
    copy = pickle.loads(pickle.dumps(sequence))  # noqa: S301 - our own
    assert copy.frames.path(1) == "b.jpg"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"file_boxes": np.zeros((2, 5))}, "sequence a: boxes should be [frames, 4], but are (2, 5)."),
        ({"file_boxes": np.zeros((3, 4))}, "sequence a: 3 boxes, but 2 frames; they should agree."),
        ({"visible": np.ones(1, bool)}, "sequence a: 2 boxes, but 1 visible; they should agree."),
        ({"tags": {"blur": np.ones(3, bool)}}, "sequence a: 2 boxes, but 3 blur; they should agree."),
    ],
)
def test_arrays_of_another_length_are_refused(changes: dict[str, object], sentence: str) -> None:
    given_ = {"name": "a", "frames": ImageFrames(["a.jpg", "b.jpg"]), "file_boxes": np.zeros((2, 4)), **changes}
    with pytest.raises(DataError) as caught:
        Sequence(**given_)  # type: ignore[arg-type]
    assert str(caught.value) == sentence
