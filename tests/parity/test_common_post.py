"""The tracker's post-processing on given maps: penalties, window, choice, smoothing, clipping."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamtrack.contracts import Points
from siamtrack.crops import ContextCrop, context_side
from siamtrack.tracking.dense import DenseTracker

SYSTEM = "siam_common"
CASES = [
    "center_peak", "off_center_peak", "corner_peak_window_zero", "otb_parameters", "strong_scale_change",
    "aspect_change", "clip_center_outside", "clip_min_size", "clip_max_size",
]  # fmt: skip


class Scripted(torch.nn.Module):
    """A network that answers with given maps."""

    def __init__(self, prediction: Points) -> None:
        super().__init__()
        self.prediction, self.anchor = prediction, torch.nn.Parameter(torch.zeros(1))

    def remember(self, template):
        return None

    def locate(self, memory, search):
        self.searched = search
        return self.prediction


def maps(seeded, inputs) -> Points:
    cls = inputs["cls_gain"] * seeded.uniform(inputs["cls"], (1, 2, 25, 25))
    if "peak" in inputs:
        row, column, amount = inputs["peak"]
        cls[0, 1, int(row), int(column)] += amount
    loc = np.exp(inputs["loc_mean"] + 0.4 * seeded.uniform(inputs["loc"], (1, 4, 25, 25)))
    loc *= np.reshape(inputs.get("loc_scale_lrtb", [1, 1, 1, 1]), (1, 4, 1, 1))
    cls, loc = torch.tensor(cls, dtype=torch.float32), torch.tensor(loc, dtype=torch.float32)
    return Points(cls[:, 1] - cls[:, 0], loc, 255, 8)


@pytest.mark.parametrize("name", CASES)
def test_post(parity, compare, monkeypatch, name):
    seeded, about, stored = parity(SYSTEM)
    case = f"post/{name}"
    inputs = about["cases"][case]["inputs"]
    tracker = DenseTracker(
        Scripted(maps(seeded, inputs)), ContextCrop(),
        penalty_k=inputs["penalty_k"], window_influence=inputs["window_influence"], lr=inputs["lr"],
    )  # fmt: skip
    frame = np.zeros((*inputs["frame"], 3), np.uint8)
    (cx, cy), (w, h) = inputs["center"], inputs["size"]
    tracker.init(frame, (cx - w / 2, cy - h / 2, w, h))
    s_z = context_side(np.array([w, h]))
    choice = tracker.choose(tracker.network.prediction, 127 / s_z)

    sides = []
    monkeypatch.setattr("siamtrack.crops.context.subwindow", lambda frame, centre, side, size, padding: (
        sides.append(side) or np.zeros((size, size, 3), np.uint8)
    ))  # fmt: skip
    result = tracker.update(frame)
    ordered = np.sort(choice.penalised)
    compare(
        SYSTEM, about, stored, case,
        {
            "best_index": choice.index, "margin": ordered[-1] - ordered[-2], "pscore": choice.penalised,
            "bbox": result.box, "best_score": result.score, "center": tracker.centre, "size": tracker.size,
            "s_z_scale_s_x": [s_z, 127 / s_z, s_z * (255 / 127)], "search_crop_size": sides[0],
        },
    )  # fmt: skip
