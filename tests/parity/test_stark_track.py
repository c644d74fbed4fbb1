"""STARK's tracker against the original's: the way back to the frame, boxes, scores, and the templates it renewed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamtrack.boxes import cxcywh_to_xyxy
from siamtrack.contracts import Corners
from siamtrack.crops.area import AreaCrop
from siamtrack.tracking import build_tracker, corners
from siamtrack.tracking.corners import CornerTracker
from tests.parity.stark_network import loaded, stark_cfg

SYSTEMS = ["stark_s50", "stark_st50", pytest.param("stark_st101", marks=pytest.mark.slow)]


class Scripted(torch.nn.Module):
    """A network that answers with a given box."""

    max_templates = None

    def __init__(self, box: torch.Tensor) -> None:
        super().__init__()
        self.box, self.anchor = box, torch.nn.Parameter(torch.zeros(1))

    def remember(self, template):
        return None

    def locate(self, memory, search):
        maps = torch.full((1, 20, 20), 1 / 400)
        return Corners(self.box, maps, maps, 320, 16)


def test_map_back(parity, compare, monkeypatch):
    _, about, stored = parity("stark_s50")
    inputs = about["cases"]["map_back"]["inputs"]
    height, width, margin = inputs["H_W_margin"]
    frame = np.zeros((height, width, 3), np.uint8)
    unclipped, clipped, factors = [], [], []
    keep_inside = corners.keep_inside
    monkeypatch.setattr(corners, "keep_inside", lambda box, *rest: unclipped.append(box) or keep_inside(box, *rest))
    for state, predicted in zip(inputs["state_xywh"], inputs["pred_cxcywh"], strict=True):
        box = cxcywh_to_xyxy(torch.tensor([predicted], dtype=torch.float64)) * inputs["search_size"]
        tracker = CornerTracker(Scripted(box), AreaCrop(), margin=margin)
        tracker.init(frame, state)
        clipped.append(tracker.update(frame).box)
        factors.append(1 / tracker.policy.search(frame, *corners._centre_and_size(tuple(state)))[1].scale)
    np.testing.assert_allclose(factors, inputs["resize_factor"], rtol=1e-12)
    compare("stark_s50", about, stored, "map_back", {"xywh": unclipped, "clipped": clipped})


class Recorder:
    """Runs a tracker over a fixture's video, from each stored box or freely, and notes what it did."""

    def __init__(self, tracker: CornerTracker, stored: np.ndarray | None) -> None:
        self.tracker, self.stored = tracker, stored
        self.boxes: list[tuple[float, ...]] = []
        self.scores: list[float] = []
        self.updated: list[list[int]] = []
        self.resize: list[float] = []
        search, self._renew = tracker.policy.search, tracker._renew

        def watched(*given):
            crop, placement = search(*given)
            self.resize.append(1 / placement.scale)
            return crop, placement

        tracker.policy.search = watched
        tracker._renew = self.renew

    def renew(self, frame: np.ndarray) -> None:
        own = self.tracker.box
        if self.stored is not None:
            self.tracker.box = tuple(self.stored[self.tracker.frame])
        self._renew(frame)
        self.tracker.box = own

    def run(self, frames, start) -> None:
        self.tracker.init(frames[0], start)
        self.boxes.append(self.tracker.box)
        for t, frame in enumerate(frames[1:], 1):
            if self.stored is not None:
                self.tracker.box = tuple(self.stored[t - 1])
            before = self.tracker.memory.templates
            result = self.tracker.update(frame)
            after = self.tracker.memory.templates
            self.boxes.append(result.box)
            self.scores.append(result.score)
            self.updated.append([int(a is not b) for a, b in zip(before[1:], after[1:], strict=True)])
            assert before[0] is after[0], "the first frame's template stays"


def track(parity, record, system: str, case: str, forced: bool) -> None:
    seeded, about, stored = parity(system)
    entry = about["cases"][case]
    inputs, video = entry["inputs"], entry["inputs"]["video"]
    intervals = inputs.get("update_intervals", [])
    cfg = stark_cfg(system, "TRACK.UPDATE_INTERVALS", str(intervals))
    network, _ = loaded(cfg, seeded, about)
    tracker = build_tracker(cfg, network)
    image = seeded.image(video["image"], video["height"], video["width"], video["smooth"])
    frames = [np.ascontiguousarray(image[4 * t : 4 * t + 240, 6 * t : 6 * t + 320]) for t in range(11)]
    ran = Recorder(tracker, stored[f"{case}/boxes"].astype(float) if forced else None)
    ran.run(frames, inputs["init_xywh"])

    bounds = entry["tolerance"]
    actual = {"boxes": (ran.boxes, bounds["box_abs_px"])}
    if intervals:
        actual |= {"conf_score": (ran.scores, bounds["score_abs"]), "updated": (ran.updated, 0.0)}
    if "resize_factor" in entry["outputs"]:
        actual["resize_factor"] = (ran.resize, 1e-6)
    assert set(actual) == set(entry["outputs"])
    note = "each frame from the stored box before it" if forced else "free run"
    for name, (value, bound) in actual.items():
        error = np.abs(np.array(value, float) - stored[f"{case}/{name}"]).max()
        record(system, case, error, bound, note=note, output=name)


@pytest.mark.parametrize("system", SYSTEMS)
def test_track(parity, record, system):
    track(parity, record, system, "track", forced=False)


def test_track_with_two_dynamic_templates(parity, record):
    track(parity, record, "stark_st50", "track_two_dynamic", forced=True)
