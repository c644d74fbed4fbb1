"""STARK: crops, jitter, the training pipeline, frame sampling, boxes and losses against the original's outputs."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from siamtrack import boxes
from siamtrack.config import ConfigError, loads
from siamtrack.contracts import Batch, Corners, Crop
from siamtrack.crops import Jitter
from siamtrack.crops.area import AreaCrop, jittered, mask_of, pixels_of, square_around
from siamtrack.data.augment import Photometry, adjust_colours
from siamtrack.data.index import index_sequences
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.sampling.temporal import CausalSampler, TridentProSampler, TridentSampler
from siamtrack.data.sequence import ImageFrames, NumberedPaths, Sequence
from siamtrack.losses.corner_box import GiouLoss, L1Loss, inverted
from siamtrack.models.network import Pixels
from siamtrack.targets.corners import CornerLabeller
from siamtrack.tracking.corners import keep_inside

S50, ST50 = "stark_s50", "stark_st50"

# Crops --------------------------------------------------------------------------------------------------------------


def test_crop(parity, seeded, record):
    """Wholly outside to the left or above, the original pastes in what lies across the frame; here it is padding."""
    _, about, stored = parity(S50)
    case = about["cases"]["crop"]
    image = case["inputs"]["image"]
    frame = seeded.image(image["image"], image["height"], image["width"], image["smooth"])
    compared = set()
    for entry in case["inputs"]["crops"]:
        name, (x, y, w, h), size = entry["name"], entry["box_xywh"], entry["size"]
        if entry["raises"]:
            with pytest.raises(ValueError, match="no area"):
                square_around(x + 0.5 * w, y + 0.5 * h, w, h, entry["factor"])
            continue
        left, top, side = square_around(x + 0.5 * w, y + 0.5 * h, w, h, entry["factor"])
        crop, mask = pixels_of(frame, left, top, side, size), mask_of(frame.shape, left, top, side, size)
        down = mask[::16, ::16]
        info = np.array([size / side, mask.sum(), side], np.float64)
        expected = {key: stored[f"crop/{name}.{key}"] for key in ("crop", "mask", "mask_down", "info")}
        note = ""
        if name in ("fully_left", "fully_above"):
            note = "defect: the crop wraps round the frame; here it is all padding"
            info_expected = expected["info"].copy()
            info_expected[1] = size * size
            expected = {
                "crop": seeded.pick(np.zeros((size, size, 3))), "mask": seeded.pick(np.ones((size, size))),
                "mask_down": np.ones((size // 16, size // 16)), "info": info_expected,
            }  # fmt: skip
        difference = np.abs(seeded.pick(crop).astype(float) - expected["crop"].astype(float)).max()
        record(S50, "crop", difference, case["tolerance"]["crop_abs"], note=note, output=f"{name}.crop")
        for key, value in (("mask", mask), ("mask_down", down), ("info", info)):
            error = seeded.error(value, expected[key])
            record(S50, "crop", error, case["tolerance"]["rel"], note=note, output=f"{name}.{key}")
        compared |= {f"{name}.{key}" for key in expected}
    assert compared == set(case["outputs"])


def test_jitter(parity, seeded, compare):
    _, about, stored = parity(S50)
    box = np.tile(np.array(about["cases"]["jitter"]["inputs"]["box_xywh"]), (6, 1))
    normal = (2 * seeded.uniform("stark/jitter/randn", (6, 2))).astype(np.float32).astype(float)
    uniform = ((seeded.uniform("stark/jitter/rand", (6, 2)) + 1) / 2).astype(np.float32).astype(float)
    draws = Jitter(0.5 * normal, 4.5 * (uniform - 0.5), np.zeros(6, bool))
    _, placed = AreaCrop().place(box, draws, search=True)
    compare(S50, about, stored, "jitter", {
        "jittered_xywh": jittered(box, draws.scale, draws.shift),
        "gt_in_crop_xywh": boxes.xyxy_to_xywh(placed) / 320,
    })  # fmt: skip


def test_processing(parity, seeded, record):
    """The pipeline is fed the original's draws; grey is made after the resize here, at most one level beside it."""
    _, about, stored = parity(S50)
    case = about["cases"]["processing"]
    policy = AreaCrop()
    normalise = Pixels(order="rgb", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    compared = set()
    for number, draws in enumerate(case["inputs"]["draws"]):
        gray, mirror, *flips = draws["random"]
        for i, (kind, size) in enumerate((("template", 128), ("search", 320))):
            about_frame = case["inputs"][kind]
            frame = seeded.image(*(about_frame[key] for key in ("image", "height", "width", "smooth")))
            scale, shift = (0.5, 4.5) if kind == "search" else (0.0, 0.0)
            jitter = Jitter(
                np.array([draws["randn"][i]]) * scale,
                (np.array([draws["rand"][i]]) - 0.5) * shift,
                np.array([flips[i] < 0.5]),
                np.array([mirror < 0.5]),
            )
            windows, placed = policy.place(np.array([about_frame["box_xywh"]]), jitter, search=kind == "search")
            crop = policy.cut(frame, windows[0], size)
            colours = Photometry.from_draws(
                np.array([gray < 0.05]),
                np.zeros((1, 3)),
                np.array([0]),
                np.zeros(1),
                np.array([draws["np_uniform"][i]]),
            )
            image = normalise(adjust_colours(torch.from_numpy(crop.transpose(2, 0, 1).copy())[None], colours))
            key = f"processing/{number}.{kind}"
            difference = np.abs(np.asarray(seeded.pick(image.numpy()), float) - stored[f"{key}_images"]).max()
            record(S50, "processing", difference, case["tolerance"]["image_abs"], output=f"{number}.{kind}_images")
            for name, value in (
                ("anno", boxes.xyxy_to_xywh(placed) / size),
                ("att", policy.mask(frame.shape, windows[0], size)[None]),
            ):
                error = seeded.error(value, stored[f"{key}_{name}"])
                record(S50, "processing", error, case["tolerance"]["rel"], output=f"{number}.{kind}_{name}")
            compared |= {f"{number}.{kind}_{name}" for name in ("images", "anno", "att")}
    assert compared == set(case["outputs"])


# Frames -------------------------------------------------------------------------------------------------------------


def videos(seeded, inputs) -> Mixture:
    """The fixture's three videos: a box in every frame, the target hidden in some."""
    sequences = []
    for about in inputs["visible"]:
        visible = seeded.uniform(about["name"], (about["n"],)) > about["threshold"]
        frames = ImageFrames(NumberedPaths(about["name"], "%d.jpg", 0, len(visible)))
        sequences.append(Sequence(about["name"], frames, np.ones((len(visible), 4)), visible=visible))
    return Mixture([MixedSet(index_sequences("videos", sequences))], seed=0)


def frame_of(mixture: Mixture, number: int, row: int) -> int:
    """The frame that a row of a track is."""
    track = mixture.track(number)
    in_shown = row - track.first_row
    if 0 <= in_shown < len(track.shown):
        return int(track.shown[in_shown])
    return int(track.hidden[row - track.first_hidden_row])


def original_draws(sampler, mixture: Mixture, inputs: dict) -> list[tuple[int, list[int], bool]]:
    """Feed a sampler with Python's ``random`` where the original asks it: (track, frames, present) of each call."""
    random.seed(inputs["python_random_seed"])
    drawn = []
    for _ in range(inputs["count"]):
        random.choices([0], [1])  # the data set
        number = random.randint(0, 2)
        while number not in sampler.tracks[0]:
            number = random.randint(0, 2)
        track = mixture.track(number)
        rows = tuple(track.row(frame) for frame in sampler.frames(track, random.random))
        rows, present, _ = sampler.finish(number, track, rows, random.random)
        drawn.append((number, [frame_of(mixture, number, row) for row in rows], present))
    return drawn


@pytest.mark.parametrize(
    ("system", "case", "make"),
    [
        (S50, "sampler_causal", lambda m, gap: CausalSampler(m, gap=gap)),
        (ST50, "sampler_trident", lambda m, gap: TridentSampler(m, gaps=tuple(gap))),
        (ST50, "sampler_trident_pro", lambda m, gap: TridentProSampler(m, gaps=tuple(gap))),
        (ST50, "sampler_stage2", lambda m, gap: TridentProSampler(m, gaps=tuple(gap), negative=0.5)),
    ],
)
def test_sampler(parity, seeded, record, system, case, make):
    _, about, stored = parity(system)
    inputs = about["cases"][case]["inputs"]
    mixture = videos(seeded, inputs)
    rows = []
    for number, (*templates, search), present in original_draws(make(mixture, inputs["max_gap"]), mixture, inputs):
        label = [int(present)] if case == "sampler_stage2" else []
        rows.append([number, *templates, number, search, *label])
    expected = stored[f"{case}/rows"]
    assert np.shape(rows) == expected.shape
    record(system, case, np.abs(np.array(rows) - expected).max(), 0.0, output="rows")


# Boxes and losses ---------------------------------------------------------------------------------------------------


def test_boxes(parity, compare):
    _, about, stored = parity(S50)
    inputs = {key: np.array(value, np.float64) for key, value in about["cases"]["boxes"]["inputs"].items()}
    given, (height, width, margin) = inputs["boxes_cxcywh"], inputs["clip_H_W_margin"]
    xyxy = boxes.cxcywh_to_xyxy(given)
    giou = boxes.giou(inputs["giou_a_xyxy"], inputs["giou_b_xyxy"])
    compare(S50, about, stored, "boxes", {
        "cxcywh_to_xyxy": xyxy,
        "xywh_to_xyxy": boxes.xywh_to_xyxy(given),
        "xyxy_to_xywh": boxes.xyxy_to_xywh(xyxy),
        "xyxy_to_cxcywh": boxes.xyxy_to_cxcywh(xyxy),
        "giou": giou,
        "iou": boxes.iou(inputs["giou_a_xyxy"], inputs["giou_b_xyxy"]),
        "giou_loss": (1 - giou).mean(),
        "clip_box": [keep_inside(tuple(box), (height, width), margin) for box in inputs["clip_xywh"]],
    })  # fmt: skip


def box_losses(cxcywh, gt_xywh, giou_on_invalid="per_row"):
    """Losses [total, giou, l1, IoU] through labeller and terms, and the gradient.

    The crop's side is taken for 1 px: in other units ties of equal sides, which halve a gradient, would be lost.
    """
    predicted = torch.tensor(cxcywh).reshape(-1, 4).requires_grad_()
    box = boxes.cxcywh_to_xyxy(predicted)
    maps = torch.zeros(len(box), 1, 1)
    prediction = Corners(box, maps, maps, 1, 1)
    true = boxes.xywh_to_xyxy(torch.tensor(gt_xywh))
    batch = Batch((), Crop(maps[:, None], true), torch.ones(len(box), dtype=torch.bool), torch.arange(len(box)))
    targets = CornerLabeller()(prediction, batch)
    giou, l1 = GiouLoss(giou_on_invalid=giou_on_invalid)(prediction, targets), L1Loss()(prediction, targets)
    total = 2 * giou + 5 * l1
    total.backward()
    iou = boxes.iou(box.detach(), targets.box).mean()
    return torch.stack([total, giou, l1, iou]).detach(), predicted.grad, inverted(box)


def test_loss(parity, seeded, record):
    _, about, stored = parity(S50)
    case = about["cases"]["loss"]
    for name, inputs in case["inputs"].items():
        defect = name == "one_negative_width"
        losses, gradient, turned = box_losses(
            inputs["pred_cxcywh"], inputs["gt_xywh"], "zero_batch" if defect else "per_row"
        )
        note = ""
        if defect:
            note = "defect: GIoU dropped for the batch; with giou_on_invalid zero_batch"
            assert turned.any()
            losses[3] = 0.0  # what the original logs as IoU together with its loss of 0
        for key, value in (("losses", losses), ("grad", gradient)):
            expected = stored[f"loss/{name}.{key}"]
            error = seeded.error(value.numpy().reshape(expected.shape), expected)
            record(S50, "loss", error, case["tolerance"]["rel"], note=note, output=f"{name}.{key}")
    assert {f"{name}.{key}" for name in case["inputs"] for key in ("losses", "grad")} == set(case["outputs"])


def test_loss_of_a_box_turned_inside_out(parity, record):
    """The default, against the definition by hand: IoU 0, the hull spans all corners, the other rows count as ever."""
    _, about, _ = parity(S50)
    inputs = about["cases"]["loss"]["inputs"]["one_negative_width"]
    losses, gradient, turned = box_losses(inputs["pred_cxcywh"], inputs["gt_xywh"])
    per_row = []
    for (cx, cy, w, h), (x, y, gw, gh) in zip(np.array(inputs["pred_cxcywh"])[:, 0], inputs["gt_xywh"], strict=True):
        a, b = (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), np.clip([x, y, x + gw, y + gh], 0, 1)
        across = max(a[0], a[2], b[2]) - min(a[0], a[2], b[0])
        down = max(a[1], a[3], b[3]) - min(a[1], a[3], b[1])
        sides = [max(0.0, min(a[2 + k], b[2 + k]) - max(a[k], b[k])) for k in (0, 1)]
        shared = sides[0] * sides[1] if w > 0 and h > 0 else 0.0
        union = max(w, 0) * max(h, 0) + (b[2] - b[0]) * (b[3] - b[1]) - shared
        per_row.append(1 - (shared / union - (across * down - union) / (across * down)))
    assert 1 <= per_row[int(turned.nonzero()[0])] <= 2
    expected = np.mean(per_row)
    note = "defect: GIoU dropped for the batch; ours, against the definition by hand"
    record(S50, "loss", abs(losses[1].item() - expected) / expected, 1e-5, note=note, output="one_negative_width.giou")
    assert gradient.isfinite().all()
    assert (gradient.abs().sum(-1) > 0).all(), "every row still learns"


def test_zero_batch_is_an_option_by_name():
    from siamtrack.losses.registry import terms

    section = loads("LOSSES: [{NAME: giou, GIOU_ON_INVALID: zero_batch}, {NAME: giou, GIOU_ON_INVALID: ignore}]", "x")
    assert terms.build(section.LOSSES[0]).zero_batch
    with pytest.raises(ConfigError, match="per_row"):
        terms.build(section.LOSSES[1])
