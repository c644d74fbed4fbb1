"""The trackers to be better than."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from siamtrack.boxes import iou, xywh_to_xyxy
from siamtrack.data.synthetic import random_scene
from siamtrack.tracking.baselines import OpenCVTracker, StaticTracker, opencv_trackers


def sliding_square(frames: int = 8) -> tuple[list[np.ndarray], np.ndarray]:
    """A red-to-green checked square that slides over grey noise by 4, 2 px a frame; its boxes ``[T, 4]``."""
    rng = np.random.default_rng(0)
    noise = rng.integers(90, 130, (120, 160, 1), np.uint8).repeat(3, 2)
    check = np.kron(np.indices((4, 4)).sum(0) % 2, np.ones((8, 8)))[..., None]
    square = np.where(check > 0, (255, 0, 0), (0, 200, 0)).astype(np.uint8)
    images, boxes = [], []
    for t in range(frames):
        x, y = 30 + 4 * t, 40 + 2 * t
        image = noise.copy()
        image[y : y + 32, x : x + 32] = square
        images.append(image)
        boxes.append((x, y, 32, 32))
    return images, np.array(boxes, np.float64)


def follow(tracker, images, box) -> np.ndarray:
    tracker.init(images[0], box)
    return np.array([tracker.update(image).box for image in images[1:]])


def test_the_static_tracker_stays():
    scene = random_scene(0, "test", 0, 3)
    boxes = follow(StaticTracker(), [scene.draw(t).image for t in range(3)], scene.boxes[0])
    np.testing.assert_array_equal(boxes, scene.boxes[[0, 0]])


def test_this_opencv_has_a_tracker_without_a_download():
    assert "MIL" in opencv_trackers()
    assert not {"Nano", "Vit", "DaSiamRPN", "GOTURN"} & set(opencv_trackers())


@pytest.mark.parametrize("name", opencv_trackers())
def test_opencv_follows_a_plain_target(name):
    images, boxes = sliding_square()
    found = follow(OpenCVTracker(name), images, boxes[0])
    assert iou(xywh_to_xyxy(found), xywh_to_xyxy(boxes[1:])).mean() > 0.6
    assert iou(xywh_to_xyxy(boxes[:1]), xywh_to_xyxy(boxes[1:])).mean() < 0.4


@pytest.mark.parametrize("name", opencv_trackers())
def test_equal_seeds_give_equal_boxes(name):
    scene = random_scene(0, "test", 2, 8)
    images = [scene.draw(t).image for t in range(len(scene))]
    one = follow(OpenCVTracker(name, seed=3), images, scene.boxes[0])
    cv2.setRNGSeed(99)  # whatever was drawn before must not matter
    np.testing.assert_array_equal(one, follow(OpenCVTracker(name, seed=3), images, scene.boxes[0]))


@pytest.mark.parametrize("name", opencv_trackers())
@pytest.mark.parametrize("box", [(-10.0, -8.0, 30.0, 30.0), (140.2, 100.7, 40.0, 40.0), (0.3, 0.3, 0.4, 0.4)])
def test_opencv_survives_boxes_at_the_edge(name, box):
    images, _ = sliding_square(3)
    assert np.isfinite(follow(OpenCVTracker(name), images, box)).all()


def test_a_target_as_large_as_the_frame_is_refused_in_words():
    images, _ = sliding_square(1)
    with pytest.raises(ValueError, match=r"opencv-mil cannot start on the box .* of a 160 x 120 frame"):
        OpenCVTracker("MIL").init(images[0], (0, 0, 160, 120))


def test_opencv_gets_bgr(monkeypatch):
    seen = []

    class Recorder:
        def init(self, image, box):
            seen.append((image[0, 0].tolist(), box))

        def update(self, image):
            seen.append(image[0, 0].tolist())
            return len(seen) < 3, (1, 2, 3, 4)

    monkeypatch.setattr(cv2, "TrackerMIL_create", Recorder)
    image = np.zeros((20, 20, 3), np.uint8)
    image[...] = (10, 20, 30)
    tracker = OpenCVTracker("MIL")
    tracker.init(image, (2.4, 3.6, 9.0, 10.0))
    first, lost = tracker.update(image), tracker.update(image)
    assert seen[0] == ([30, 20, 10], (2, 4, 9, 10))
    assert seen[1] == [30, 20, 10]
    assert (first.box, first.score) == ((1.0, 2.0, 3.0, 4.0), 1.0)
    assert (lost.box, lost.score) == (first.box, 0.0)


def test_an_unknown_tracker_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no tracker 'Nano' that runs without a model file; it has: .*MIL"):
        OpenCVTracker("Nano")


@pytest.mark.parametrize("tracker", [StaticTracker, lambda: OpenCVTracker("MIL")])
def test_a_box_without_area_is_refused(tracker):
    images, _ = sliding_square(1)
    with pytest.raises(ValueError, match="area"):
        tracker().init(images[0], (10, 10, 0, 5))


def test_a_tracker_that_was_not_started_says_so():
    with pytest.raises(ValueError, match=r"tracker static follows nothing yet: call init\(frame, box\)"):
        StaticTracker().update(np.zeros((20, 20, 3), np.uint8))
