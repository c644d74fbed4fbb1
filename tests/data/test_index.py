"""The index keeps what training can use, as arrays."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from siamtrack.data.index import TrackIndex, TrackTable, index_sequences, index_table
from siamtrack.data.paths import PathTable, StringTable
from siamtrack.data.sequence import DataError, ImageFrames, NumberedPaths, Sequence, VideoFrames


def _sequence(name, boxes, visible=None, group="", folder=None):
    paths = NumberedPaths(folder or f"root/{group or name}", "%04d.jpg", 1, len(boxes))
    return Sequence(name, ImageFrames(paths), np.array(boxes, np.float64), visible=visible, group=group)


NAN = [float("nan")] * 4


def test_only_usable_boxes_are_kept_and_tracks_of_a_video_stand_together():
    index = index_sequences(
        "toy",
        [
            _sequence("a-1", [[1, 2, 3, 4], [1, 2, 0, 4], NAN, [5, 6, 7, 8]], group="a"),
            _sequence("b", [[9, 9, 9, 9], [8, 8, 8, 8]], visible=np.array([False, True])),
            _sequence("gone", [[1, 1, 1, -1], NAN]),
            _sequence("a-2", [[2, 2, 2, 2], [3, 3, 3, 3], [4, 4, 4, 4], [5, 5, 5, 5]], group="a"),
        ],
    )
    assert index.videos == 2
    np.testing.assert_array_equal(index.tracks, [0, 2, 3])
    np.testing.assert_array_equal(index.rows, [0, 2, 6, 7])
    np.testing.assert_array_equal(index.boxes[:2], [[1, 2, 3, 4], [5, 6, 7, 8]])
    np.testing.assert_array_equal(index.frames, [0, 3, 0, 1, 2, 3, 1])
    assert [index.path(row) for row in (0, 1, 6)] == [
        os.path.join("root/a", "0001.jpg"), os.path.join("root/a", "0004.jpg"), os.path.join("root/b", "0002.jpg"),
    ]  # fmt: skip
    assert [index.track_name(row) for row in (0, 1, 2, 5, 6)] == ["a-1", "a-1", "a-2", "a-2", "b"]
    assert index.path(0) == index.path(2), "two tracks of one video share their files"
    assert [index.locate(row) for row in (0, 1, 6)] == [(0, 0), (0, 3), (2, 1)]


def test_the_other_frames_are_kept_apart_with_a_box_where_there_is_one():
    hidden = np.array([True, False, True, True])
    index = index_sequences(
        "toy",
        [_sequence("a", [[1, 2, 3, 4], [5, 6, 7, 8], NAN, [1, 1, 0, 5]], visible=hidden), _sequence("b", [[9] * 4])],
    )
    np.testing.assert_array_equal(index.hidden_rows, [0, 3, 3])
    np.testing.assert_array_equal(index.hidden_frames, [1, 2, 3])
    np.testing.assert_array_equal(index.hidden_boxes, [[5, 6, 7, 8], NAN, NAN])
    rows = np.array([1, 0, 2, 4])  # two boxes, then the three others
    np.testing.assert_array_equal(index.box(rows), [[9, 9, 9, 9], [1, 2, 3, 4], [5, 6, 7, 8], NAN])
    assert [os.path.basename(index.path(int(row))) for row in rows] == ["0001.jpg", "0001.jpg", "0002.jpg", "0004.jpg"]


def test_boxes_are_zero_based():
    sequence = Sequence("m", ImageFrames(["x.jpg"]), np.array([[11.0, 21.0, 5.0, 6.0]]), offset=1.0)
    np.testing.assert_array_equal(index_sequences("matlab", [sequence]).boxes, [[10, 20, 5, 6]])


def test_memory_is_arrays_not_objects():
    """A million Python objects are copied into every worker by reference counting; arrays are not."""
    index = index_sequences("toy", [_sequence(f"s{i}", np.ones((50, 4))) for i in range(200)])
    arrays = 0

    def walk(value):
        nonlocal arrays
        if isinstance(value, np.ndarray):
            assert value.dtype != object
            arrays += value.nbytes
        elif isinstance(value, (StringTable, PathTable, TrackIndex)):
            for item in vars(value).values():
                walk(item)
        else:
            assert isinstance(value, str)

    walk(index)
    boxes = 200 * 50
    assert arrays < 32 * boxes + 100 * 200  # 16 box, 4 frame, 4 pattern and 8 number of the file; names of tracks
    assert len(pickle.dumps(index)) < arrays + 4000


def test_a_table_in_any_order_makes_the_index_of_its_sequences():
    rng = np.random.default_rng(3)
    sequences = [
        _sequence(f"s{i}", rng.integers(-2, 9, (7, 4)), visible=rng.random(7) < 0.7, group=f"g{i % 3}")
        for i in range(8)
    ]
    expected = index_sequences("toy", sequences)
    order = rng.permutation(8 * 7)
    tracks = np.repeat(np.arange(8), 7)[order]
    table = TrackTable(
        boxes=np.concatenate([s.boxes for s in sequences])[order].astype(np.float32),
        tracks=tracks.astype(np.int32),
        frames=np.tile(np.arange(7), 8)[order].astype(np.int32),
        paths=PathTable.of(s.frames.paths for s in sequences).take(order),
        names=StringTable.of(s.name for s in sequences),
        videos=(np.arange(8) % 3).astype(np.int32),
        video_names=StringTable.of(("g0", "g1", "g2")),
        shown=np.concatenate([s.visible for s in sequences])[order],
    )
    found = index_table("toy", table)
    for name in ("boxes", "frames", "rows", "tracks", "hidden_boxes", "hidden_frames", "hidden_rows", "categories"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    total = len(expected.boxes) + len(expected.hidden_boxes)
    assert [found.path(row) for row in range(total)] == [expected.path(row) for row in range(total)]
    assert [found.track_name(row) for row in range(total)] == [expected.track_name(row) for row in range(total)]


def test_nothing_to_train_on_is_a_sentence():
    with pytest.raises(DataError, match="secret"):
        index_sequences("test-set", [_sequence("a", [NAN, NAN])])


def test_video_files_are_refused_with_a_way_out():
    video = Sequence("v", VideoFrames("v.mp4", count=1), np.array([[1.0, 1.0, 5.0, 5.0]]))
    with pytest.raises(DataError, match="extract its frames"):
        index_sequences("videos", [video])
