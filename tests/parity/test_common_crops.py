"""Crops, augmentation and start boxes against the outputs of the original (``siam_common``)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack.boxes import quadrilateral_to_cxcywh, xywh_to_cxcywh, xyxy_to_xywh
from siamtrack.crops import ContextCrop, Jitter, context_side, cut, mean_colour, subwindow, window
from siamtrack.data.augment import COLOR_BASIS, Photometry, adjust_colours
from tests.external import FOLDERS

SYSTEM = "siam_common"


def _cases(kind: str) -> list[str]:
    file = Path(os.environ.get("SIAMTRACK_PARITY") or FOLDERS["PARITY"]) / f"{SYSTEM}.json"
    if not file.is_file():
        return ["missing"]  # the fixture then skips, or fails, with the reason
    cases = json.loads(file.read_text())["cases"]
    return sorted(name for name, case in cases.items() if case["kind"] == kind)


@pytest.mark.parametrize("case", _cases("subwindow"))
def test_tracker_crop(case, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    inputs = about["cases"][case]["inputs"]
    frame = np.ascontiguousarray(seeded.image(*inputs["image"])[..., ::-1])  # BGR in the fixture
    centre, side, size = tuple(inputs["center"]), inputs["original_size"], inputs["model_size"]
    mean = mean_colour(frame)
    crop = subwindow(frame, centre, side, size, mean)
    left, top = window(centre, side)
    right, bottom = left + side - 1, top + side - 1
    height, width = frame.shape[:2]
    pads = [max(0, -left), max(0, -top), max(0, right - width + 1), max(0, bottom - height + 1)]
    compare(SYSTEM, about, stored, case, {
        "crop": crop[..., ::-1].transpose(2, 0, 1)[None],
        "mean": mean[::-1],
        "window_and_padding": [left, top, right, bottom, *pads],
    })  # fmt: skip


@pytest.mark.parametrize("case", _cases("crop511"))
def test_area_around_the_target(case, parity, compare):
    seeded, about, stored = parity(SYSTEM)
    inputs = about["cases"][case]["inputs"]
    frame = np.ascontiguousarray(seeded.image(*inputs["image"])[..., ::-1])
    box = xyxy_to_xywh(np.array([inputs["box"]], np.float64))
    policy = ContextCrop()
    affine, placed = policy.place_window(box, Jitter.none(1), policy.area_size)
    s_z = float(context_side(box[0, 2:]))
    small = ContextCrop(template_size=127, search_size=127, area_size=127)
    small_affine, _ = small.place_window(box, Jitter.none(1), 127)
    compare(SYSTEM, about, stored, case, {
        "crop511": cut(frame, affine[0], 511)[..., ::-1],
        "crop127": cut(frame, small_affine[0], 127)[..., ::-1],
        "s_z_s_x": [s_z, s_z * policy.area_size / policy.template_size],
        "mapping": affine[0],
        "box_in_511": placed[0],
        "mean": mean_colour(frame)[::-1],
    })  # fmt: skip


class _Draws:
    """The scripted draws of a case, in the order in which the original asks for them."""

    def __init__(self, inputs: dict) -> None:
        config, draws = inputs["config"], inputs["draws"]
        uniform, normal, choice = (iter(draws[key]) for key in ("random", "randn", "choice"))
        self.scale, self.shift = (
            [(2 * next(uniform) - 1) * config[key] for _ in "xy"] if config[key] else [0.0, 0.0]
            for key in ("scale", "shift")
        )
        self.offset = COLOR_BASIS @ next(normal) if config["color"] > next(uniform) else np.zeros(3)
        self.blur, self.weight = 0, 0.0
        if config["blur"] > next(uniform):
            self.blur, self.weight = next(choice), next(uniform)
        self.flip = bool(config["flip"]) and config["flip"] > next(uniform)
        assert next(uniform, None) is None, "a draw was left over"


@pytest.mark.parametrize("case", _cases("augment"))
def test_augmentation(case, parity, compare):
    """Our own bound for the pixels is the fixture's: 2 grey levels, grey values being made after the warp."""
    seeded, about, stored = parity(SYSTEM)
    inputs = about["cases"][case]["inputs"]
    frame = np.ascontiguousarray(seeded.image(*inputs["image"])[..., ::-1])
    size, draws = inputs["size"], _Draws(inputs)
    # the 511 crop plays the frame: of the composed map, only the part behind the area is warped
    policy = ContextCrop()
    box = np.array([[0.0, 0.0, *inputs["target_wh"]]])
    jitter = Jitter(np.array([draws.scale]), np.array([draws.shift]), np.array([draws.flip]))
    affine, placed = policy.place_window(box, jitter, size)
    to_area, before = policy.place_window(box, Jitter.none(1), policy.area_size)
    area_to_crop = affine[0] @ np.linalg.inv(np.vstack([to_area[0], [0, 0, 1]]))
    crop = cut(frame, area_to_crop, size, border=np.zeros(3))

    pixels = torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1)))[None]
    photometry = Photometry.from_draws(
        gray=np.array([bool(inputs["gray"])]),
        offset=draws.offset[None],
        blur=np.array([draws.blur]),
        weight=np.array([draws.weight]),
    )
    image = adjust_colours(pixels, photometry)[0].numpy()[::-1]
    compare(SYSTEM, about, stored, case, {
        "image": image,
        "box_before": before[0],
        "box": placed[0],
        "min_max": [image.min(), image.max()],
    })  # fmt: skip


@pytest.mark.parametrize("case", _cases("axis"))
def test_start_box(case, parity, compare):
    _, about, stored = parity(SYSTEM)
    region = np.array(about["cases"][case]["inputs"]["region"], np.float64)
    start = xywh_to_cxcywh(region) if region.size == 4 else quadrilateral_to_cxcywh(region)
    compare(SYSTEM, about, stored, case, {"cx_cy_w_h": start})
