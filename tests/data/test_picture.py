"""A picture that decodes what is looked at is a frame to every crop policy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.crops import Jitter, crop_policies
from siamtrack.data.errors import DataError
from siamtrack.data.jpeg.remux import Unpackable, tiled
from siamtrack.data.picture import Picture, read_image
from tests.data.jpeg.variants import encode, encode_by_pillow, scene

WIDTH, HEIGHT = 243, 171


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    image = scene(WIDTH, HEIGHT, 4)
    made = {"plain.jpg": encode(image), "progressive.jpg": encode_by_pillow(image, progressive=True, quality=90)}
    made["other.png"] = cv2.imencode(".png", image)[1].tobytes()
    try:
        made["tiled.jpg"] = tiled(made["plain.jpg"])
    except Unpackable:
        pytest.skip("torchvision and Pillow came without libjpeg-turbo")
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return folder


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["plain.jpg", "tiled.jpg", "progressive.jpg", "other.png"]),
    st.sampled_from(["context", "area", "siamfc"]),
    st.tuples(st.floats(-30, WIDTH), st.floats(-30, HEIGHT), st.floats(3, 150), st.floats(3, 150)),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_a_policy_cuts_the_same_from_a_picture_as_from_a_frame(files, name, policy, box, search, mirror, flip):
    policy = crop_policies.build({"NAME": policy})
    jitter = Jitter(np.full((1, 2), 0.05), np.full((1, 2), 0.5), np.array([flip]), np.array([mirror]))
    (window,), _ = policy.place(np.array([box]), jitter, search)
    size = policy.train_search_size if search else policy.template_size
    frame, picture = read_image(files / name), Picture(str(files / name))
    np.testing.assert_array_equal(policy.cut(picture, window, size), policy.cut(frame, window, size))
    if policy.mask(frame.shape, window, size) is None:  # affine windows: against a warp of the whole frame
        whole = cv2.warpAffine(frame, window, (size, size), borderValue=cv2.mean(frame))
        assert np.abs(policy.cut(picture, window, size).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("name", ["plain.jpg", "tiled.jpg"])
def test_only_what_is_looked_at_is_decoded(files, name, monkeypatch):
    monkeypatch.setattr(Picture, "whole", lambda self: pytest.fail("the whole frame was decoded"))
    picture = Picture(str(files / name))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    wide = picture[20:120, 30:130]
    assert wide.shape == (100, 100, 3)
    decoded = picture._part
    np.testing.assert_array_equal(picture[40:60, 50:80], wide[20:40, 20:50])
    assert picture._part is decoded, "a part of a part is not decoded again"
    assert picture[50:50, 10:20].shape == (0, 10, 3)


def test_as_an_array_it_is_the_whole_frame(files):
    picture = Picture(str(files / "tiled.jpg"))
    np.testing.assert_array_equal(np.asarray(picture), read_image(files / "plain.jpg"))
    assert np.asarray(picture, np.float32).dtype == np.float32
    np.testing.assert_array_equal(picture[::2, 1:9], read_image(files / "plain.jpg")[::2, 1:9])


@pytest.mark.parametrize("name", ["plain.jpg", "tiled.jpg"])
def test_a_file_that_was_cut_is_a_sentence(files, name, tmp_path):
    bad = tmp_path / name
    bad.write_bytes((files / name).read_bytes()[:-40])
    with pytest.raises(DataError, match=r"\.jpg: the image is cut short"):
        Picture(str(bad))


def test_tiles_that_others_have_changed_are_left_alone(files, tmp_path):
    """A tool that puts segments between, or codes anew and keeps ours: the file is read as any JPEG."""
    data = (files / "tiled.jpg").read_bytes()
    table = data.index(b"\xff\xdb")
    comment = b"\xff\xfe\x00\x06abcd"
    (tmp_path / "commented.jpg").write_bytes(data[:table] + comment + data[table:])
    picture = Picture(str(tmp_path / "commented.jpg"))
    assert picture._tiles is None
    np.testing.assert_array_equal(picture[20:90, 30:100], read_image(files / "plain.jpg")[20:90, 30:100])
