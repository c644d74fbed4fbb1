"""The anchor head: sizes, channel order, fusion, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.config import ConfigError, load
from siamtrack.contracts import Anchors, Fused, FusedSpec
from siamtrack.models import build_network
from siamtrack.models.heads.anchor import AnchorHead, anchor_sizes
from siamtrack.models.slots import heads

SCORES = ({"cls": FusedSpec(10, scores=True), "loc": FusedSpec(20, scores=True)},)


def test_the_published_sizes() -> None:
    sizes = anchor_sizes(8, (0.33, 0.5, 1, 2, 3), (8.0,))
    assert sizes == ((104, 32), (88, 40), (64, 64), (40, 80), (32, 96))


@settings(deadline=None)
@given(st.integers(4, 32), st.floats(0.2, 5), st.floats(1, 16))
def test_sides_are_cut_to_whole_pixels_before_they_are_scaled(stride: int, ratio: float, scale: float) -> None:
    ((w, h),) = anchor_sizes(stride, (ratio,), (scale,))
    exact = math.sqrt(stride**2 / ratio)
    assert (w / scale) == pytest.approx(math.floor(exact))
    assert (h / scale) == pytest.approx(math.floor(math.floor(exact) * ratio))


def test_all_scales_of_a_ratio_stand_together() -> None:
    assert anchor_sizes(8, (1.0, 2.0), (1.0, 2.0)) == ((8, 8), (16, 16), (5, 10), (10, 20))


def test_channels_are_background_then_target_and_coordinate_by_coordinate() -> None:
    head = AnchorHead(SCORES)
    cls, loc = torch.randn(1, 10, 3, 4), torch.randn(1, 20, 3, 4)
    prediction = head([{"cls": Fused(cls, 255, 8), "loc": Fused(loc, 255, 8)}])
    assert isinstance(prediction, Anchors)
    for a in range(5):
        torch.testing.assert_close(prediction.logit[0, a], cls[0, 5 + a] - cls[0, a])
        for c in range(4):
            torch.testing.assert_close(prediction.delta[0, c, a], loc[0, 5 * c + a])
    assert (prediction.size, prediction.stride) == (255, 8)


@pytest.mark.parametrize("weighted", [True, False])
def test_levels_are_summed_as_they_are(weighted: bool) -> None:
    head = AnchorHead(SCORES * 2, weighted=weighted)
    loc = torch.randn(2, 1, 20, 3, 3)
    share = torch.tensor([0.5, 0.5])
    if weighted:
        with torch.no_grad():
            head.loc_weight.copy_(torch.tensor([0.0, math.log(3.0)]))
        share = torch.tensor([0.25, 0.75])
    else:
        assert not list(head.parameters())
    cls = torch.zeros(1, 10, 3, 3)
    prediction = head([{"cls": Fused(cls, 255, 8), "loc": Fused(level, 255, 8)} for level in loc])
    expected = (loc * share.view(2, 1, 1, 1, 1)).sum(0)
    torch.testing.assert_close(prediction.delta.flatten(1, 2), expected)


def test_anchors_of_a_tracker_serve_training() -> None:
    """Cached while tracking, in inference mode, they must still let gradients through later."""
    logit, delta = torch.zeros(1, 1, 3, 5), torch.zeros(1, 4, 1, 3, 5, requires_grad=True)
    prediction = Anchors(logit, delta, ((11.0, 13.0),), 127, 8)
    with torch.inference_mode():
        prediction.boxes()
    prediction.boxes().sum().backward()
    assert delta.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"RATIOS": []}, "RATIOS"),
        ({"SCALES": [0.0]}, "above 0"),
        ({"RATIOS": [1.0]}, "answers branch 'cls' with 10 maps, but the head reads 2"),
    ],
)
def test_impossible_options_are_refused(section: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        heads.build({"NAME": "anchor", **section}, inputs=SCORES)


SMALL = ("MODEL.BACKBONE.NAME", "convnet", "MODEL.NECK.OUT", "8")


@pytest.mark.parametrize(
    "head", [("MODEL.HEAD", "{NAME: anchor, HIDDEN: 8}"), ("MODEL.HEAD", "{NAME: ban, HIDDEN: 8}")]
)
@pytest.mark.parametrize("correlation", ["depthwise", "up_channel"])
def test_it_goes_with_both_correlations_of_its_family(head: tuple[str, str], correlation: str) -> None:
    anchors = "5" if "anchor" in head[1] else "1"
    options = ("ANCHORS", anchors) if correlation == "up_channel" else ("HIDDEN", "8")
    cfg = load(None, (*SMALL, *head, "MODEL.CORRELATION", f"{{NAME: {correlation}, {options[0]}: {options[1]}}}"))
    network = build_network(cfg)
    towers = sum(p.numel() for p in network.head.levels.parameters())
    assert (towers == 0) == (correlation == "up_channel"), "scores need no tower"


def test_the_wrong_number_of_anchors_is_a_sentence() -> None:
    cfg = load(None, (*SMALL, "MODEL.HEAD", "{NAME: anchor}", "MODEL.CORRELATION", "{NAME: up_channel, ANCHORS: 3}"))
    with pytest.raises(ConfigError, match=r"answers branch 'cls' with 6 maps, but the head reads 10; set the corr"):
        build_network(cfg)
