"""The synthetic world: exact boxes, the same bytes for the same seed, GOT-10k's layout, nothing lost when killed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from got10k.datasets import GOT10k
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.data.synthetic import KINDS, Texture, random_scene, sequence_name, write, write_dataset
from siamtrack.data.synthetic.scene import HEIGHT, WIDTH
from siamtrack.data.synthetic.shapes import random_outline

SMALL = {"train": 3, "test": 2, "train_frames": 3, "test_frames": 4, "progress": False}

seeds = st.integers(0, 2**31)
splits = st.sampled_from(["train", "test"])


def bytes_of(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# Boxes --------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seed=seeds, split=splits, number=st.integers(0, 1000))
def test_boxes_are_the_bounds_of_the_pixels_covered(seed, split, number):
    scene = random_scene(seed, split, number, 4)
    for t, (x, y, w, h) in enumerate(scene.boxes):
        (rows, columns), alpha = scene.target.coverage(t, HEIGHT, WIDTH)
        # the first and last pixels that the box touches, and no others, bound what is covered
        assert (columns.start, rows.start) == (np.floor(x), np.floor(y))
        assert (columns.stop, rows.stop) == (np.ceil(x + w), np.ceil(y + h))
        across, down = np.flatnonzero(alpha.any(0)), np.flatnonzero(alpha.any(1))
        # a sharp tip may cover too little of its pixel to be seen: two pixels, no more, on any side
        assert across[0] <= 2
        assert down[0] <= 2
        assert across[-1] >= alpha.shape[1] - 3
        assert down[-1] >= alpha.shape[0] - 3


@settings(max_examples=40, deadline=None)
@given(seed=seeds, number=st.integers(0, 1000))
def test_boxes_are_exact_to_a_fraction_of_a_pixel(seed, number):
    """The same outline covered on a 16 times finer frame ends where the box does, to an eighth of a pixel."""
    scene = random_scene(seed, "test", number, 3)
    fine = 16
    target = scene.target
    enlarged = type(target)(target.sprite, target.centre * fine, target.axes * fine)
    for t, (x, y, w, h) in enumerate(scene.boxes):
        (rows, columns), alpha = enlarged.coverage(t, HEIGHT * fine, WIDTH * fine)
        across, down = np.flatnonzero(alpha.any(0)), np.flatnonzero(alpha.any(1))
        seen = np.array([columns.start + across[0], rows.start + down[0], 0, 0], np.float64)
        seen[2:] = columns.start + across[-1] + 1, rows.start + down[-1] + 1
        np.testing.assert_allclose(seen / fine, [x, y, x + w, y + h], atol=1 / 8)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, split=splits)
def test_the_target_changes_pixels_inside_its_box_only(seed, split):
    scene = random_scene(seed, split, 0, 3)
    for t, (x, y, w, h) in enumerate(scene.boxes):
        changed = np.any(scene.compose(t) != scene.compose(t, target=False), -1)
        assert changed.sum() > 0.1 * w * h
        inside = np.zeros_like(changed)
        inside[int(np.floor(y)) : int(np.ceil(y + h)), int(np.floor(x)) : int(np.ceil(x + w))] = True
        assert not (changed & ~inside).any()


def test_coverage_has_the_area_of_the_outline():
    """An off-by-half in the rasteriser would add or take a rim."""
    for seed in range(30):
        scene = random_scene(seed, "train", 1, 1)
        polygon = scene.target.sprite.outline @ scene.target.axes[0].T
        x, y = polygon.T
        area = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
        _, alpha = scene.target.coverage(0, HEIGHT, WIDTH)
        rim = np.linalg.norm(np.diff(polygon, axis=0, append=polygon[:1]), axis=1).sum()
        assert abs(alpha.sum() / 255 - area) < 0.12 * rim  # an eighth of a pixel all along the edge


@settings(max_examples=40, deadline=None)
@given(seed=seeds, split=splits, frames=st.integers(1, 70))
def test_targets_stay_whole_inside_the_frame(seed, split, frames):
    boxes = random_scene(seed, split, 7, frames).boxes
    assert boxes.shape == (frames, 4)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= (WIDTH, HEIGHT)).all()
    assert (boxes[:, 2:] >= 8).all()


@settings(max_examples=60, deadline=None)
@given(seed=seeds)
def test_outlines_fill_the_unit_square(seed):
    outline = random_outline(np.random.default_rng(seed))
    np.testing.assert_allclose(outline.min(0), -0.5, atol=1e-12)
    np.testing.assert_allclose(outline.max(0), 0.5, atol=1e-12)


def test_a_texture_lies_where_its_outline_does():
    """The sprite's left half and right half, in two colours, end up left and right of the centre."""
    scene = random_scene(0, "train", 0, 1)
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[:, 64:] = 255
    target = scene.target
    sprite = type(target.sprite)(np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]), (picture,), ())
    actor = type(target)(sprite, np.array([[100.25, 80.0]]), np.array([[[64.0, 0.0], [0.0, 32.0]]]))
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    actor.draw(image, 0)
    row = image[80, :, 0].astype(int)
    assert (row[70:99] == 0).all()
    assert (row[102:131] == 255).all()
    assert (row[:68] == 128).all()
    assert (row[133:] == 128).all()
    assert abs(row[68] - (0.25 * 128)) < 40  # covered by three quarters, with black
    assert (image[63, 80:120] == 128).all()
    assert (image[64, 80:95] == 0).all()


# Variety, difficulty, disjointness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_texture_has_contrast_and_follows_its_key(kind):
    palette = np.array([[0, 0, 0], [255, 255, 255], [200, 30, 30]], np.float32)
    one, again, other = (Texture((number,), kind, palette, 20.0, True).draw(64, 80) for number in (1, 1, 2))
    assert one.shape == (64, 80, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert one.std() > 15


def test_train_and_test_share_no_texture():
    used = {
        split: {texture.key for number in range(40) for texture in random_scene(3, split, number, 1).textures}
        for split in ("train", "test")
    }
    assert len(used["train"]) > 200
    assert not used["train"] & used["test"]
    pictures = {
        split: {random_scene(3, split, number, 1).target.sprite.pictures[0].tobytes() for number in range(20)}
        for split in ("train", "test")
    }
    assert len(pictures["train"] | pictures["test"]) == 40


@settings(max_examples=12, deadline=None)
@given(seed=seeds)
def test_every_test_sequence_has_look_alikes_or_an_occlusion(seed):
    for number in range(4):
        scene = random_scene(seed, "test", number, 50)
        visible = np.array([scene.visible(t) for t in range(len(scene))])
        assert scene.look_alikes or visible.min() < 0.95
        assert visible.min() > 0.2  # partial: something can always be seen
        assert visible[0] > 0.95  # and the first frame shows the target


def test_targets_move_and_change():
    scenes = [random_scene(0, "test", number, 50) for number in range(30)]
    sides = np.stack([np.sqrt(scene.boxes[:, 2:].prod(1)) for scene in scenes])
    assert (sides.max(1) / sides.min(1) > 1.3).mean() > 0.4
    moved = np.stack([np.ptp(scene.target.centre, axis=0).max() for scene in scenes])
    assert (moved > sides.mean(1)).mean() > 0.5
    steps = np.stack([np.linalg.norm(np.diff(scene.target.centre, axis=0), axis=1) for scene in scenes])
    assert steps.max() < 32  # px per frame: within reach of a search region


# On disk ------------------------------------------------------------------------------------------------------------


def test_equal_seeds_give_equal_bytes_whoever_draws(tmp_path):
    one = bytes_of(write_dataset(tmp_path / "a", 5, workers=1, **SMALL))
    assert one == bytes_of(write_dataset(tmp_path / "b", 5, workers=3, **SMALL))
    other = bytes_of(write_dataset(tmp_path / "c", 6, **SMALL))
    assert one.keys() == other.keys()
    differing = [name for name in one if name.endswith((".jpg", "groundtruth.txt")) and one[name] == other[name]]
    assert not differing


def test_got10k_reads_it(tmp_path):
    root = write_dataset(tmp_path, 1, **SMALL)
    for split, count, frames in (("train", 3, 3), ("test", 2, 4)):
        dataset = GOT10k(str(root), subset=split, return_meta=split == "train")
        assert len(dataset) == count
        for number in range(count):
            files, boxes, *meta = dataset[number]
            scene = random_scene(1, split, number, frames)
            np.testing.assert_allclose(boxes, scene.boxes, atol=0.00006)
            assert [Path(file).name for file in files] == [f"{t + 1:08d}.jpg" for t in range(frames)]
            image = cv2.imread(files[-1])[..., ::-1]
            assert np.abs(image.astype(int) - scene.draw(frames - 1).image).mean() < 12  # JPEG, RGB in its order
            if meta:
                assert meta[0]["resolution"] == f"({WIDTH}, {HEIGHT})"
                assert meta[0]["cover"].shape == meta[0]["absence"].shape == meta[0]["cut_by_image"].shape == (frames,)
                assert not meta[0]["absence"].any()


def test_what_makes_a_sequence_hard_is_written_down(tmp_path):
    root = write_dataset(tmp_path, 2, train=0, test=6, test_frames=40, progress=False)
    for number in range(6):
        folder = root / "test" / sequence_name("test", number)
        line = next(row for row in (folder / "meta_info.ini").read_text().splitlines() if row.startswith("attributes"))
        words = line.partition(": ")[2].split(", ")
        assert {"look-alikes", "occlusion"} & set(words)
        levels = np.loadtxt(folder / "cover.label")
        shares = [random_scene(2, "test", number, 40).visible(t) for t in range(40)]
        assert ("occlusion" in words) == (min(shares) < 0.95)
        assert levels.tolist() == [write.cover_level(share) for share in shares]
        assert levels[0] >= 7


def test_an_interrupted_write_goes_on(tmp_path, monkeypatch):
    whole = bytes_of(write_dataset(tmp_path / "whole", 4, **SMALL))

    class Killed(BaseException):
        pass

    encode, calls = cv2.imencode, []

    def dies(*arguments):
        calls.append(1)
        if len(calls) == 8:  # within the third sequence
            raise Killed
        return encode(*arguments)

    root = tmp_path / "broken"
    monkeypatch.setattr(write.cv2, "imencode", dies)
    with pytest.raises(Killed):
        write_dataset(root, 4, workers=1, **SMALL)
    monkeypatch.setattr(write.cv2, "imencode", encode)
    assert not (root / "train" / "list.txt").exists()
    done = root / "train" / sequence_name("train", 0) / "00000001.jpg"
    before = done.stat().st_mtime_ns
    assert list((root / "train").glob(".drawing-*"))
    write_dataset(root, 4, **SMALL)
    assert bytes_of(root) == whole
    assert done.stat().st_mtime_ns == before


def test_more_sequences_may_be_asked_for_later(tmp_path):
    write_dataset(tmp_path / "a", 4, **SMALL)
    write_dataset(tmp_path / "a", 4, **{**SMALL, "train": 5})
    assert bytes_of(tmp_path / "a") == bytes_of(write_dataset(tmp_path / "b", 4, **{**SMALL, "train": 5}))


def test_a_folder_with_another_world_is_refused(tmp_path):
    write_dataset(tmp_path, 4, **{**SMALL, "train": 1, "test": 0})
    with pytest.raises(ValueError, match=r"world\.json.*'seed': 4.*'seed': 5.*another folder"):
        write_dataset(tmp_path, 5, **SMALL)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, "val", 0, 5), "'val'; the synthetic world has train and test"), ((-1, "test", 0, 5), "seed -1"),
     ((0, "test", 0, 0), "frames 0")],
)  # fmt: skip
def test_scenes_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        random_scene(*arguments)


@pytest.mark.parametrize(
    ("visible", "level"), [(0.0, 0), (0.1, 1), (0.15, 1), (0.2, 2), (0.9, 6), (0.95, 7), (0.9999, 7), (1.0, 8)]
)
def test_cover_levels(visible, level):
    assert write.cover_level(visible) == level
