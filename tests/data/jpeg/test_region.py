"""Parts of pictures, tiled and untouched, are those of the whole picture, pixel for pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.data.jpeg import libjpeg, region
from siamtrack.data.jpeg.header import read_header
from siamtrack.data.jpeg.remux import tiled
from siamtrack.data.jpeg.tiles import decode_rgb, decode_tiles, read_tiles
from tests.data.jpeg.variants import jpegs, rectangles

pytestmark = pytest.mark.skipif(libjpeg.library() is None, reason="torchvision and Pillow came without libjpeg-turbo")


def _whole(data: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@settings(max_examples=120, deadline=None)
@given(jpegs(), st.data())
def test_any_rectangle_of_a_tiled_file_is_that_of_the_original(data, draw):
    whole, view = _whole(data), memoryview(tiled(data))
    np.testing.assert_array_equal(decode_rgb(np.frombuffer(view, np.uint8)), whole)
    tiles = read_tiles(view)
    for _ in range(4):
        left, top, right, bottom = draw.draw(rectangles(whole.shape[1], whole.shape[0]))
        part = decode_tiles(view, tiles, left, top, right, bottom)
        np.testing.assert_array_equal(part, whole[top:bottom, left:right])
    np.testing.assert_array_equal(tiles.mean, cv2.mean(whole)[:3])


@settings(max_examples=120, deadline=None)
@given(jpegs(), st.data())
def test_any_rectangle_of_an_untouched_file_is_that_of_the_whole(data, draw):
    whole, view = _whole(data), memoryview(data)
    header = read_header(view)
    if header is None:  # progressive
        assert b"\xff\xc2" in data
        return
    assert region.can_decode(view, header)
    left, top, right, bottom = draw.draw(rectangles(whole.shape[1], whole.shape[0]))
    part = region.decode_region(view, header, left, top, right, bottom)
    np.testing.assert_array_equal(part, whole[top:bottom, left:right])
