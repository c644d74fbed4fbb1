"""Laws of box arithmetic, for arrays and tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from siamtrack import boxes

coordinate = st.floats(-1000, 1000, width=32)
side = st.floats(0.125, 1000, width=32)


@st.composite
def xyxy(draw):
    n = draw(st.integers(1, 5))
    corner = draw(arrays(np.float64, (n, 2), elements=coordinate))
    return np.concatenate([corner, corner + draw(arrays(np.float64, (n, 2), elements=side))], 1)


@given(xyxy())
def test_formats_lead_back(box):
    for there, back in (
        (boxes.xyxy_to_xywh, boxes.xywh_to_xyxy),
        (boxes.xyxy_to_cxcywh, boxes.cxcywh_to_xyxy),
    ):
        np.testing.assert_allclose(back(there(box)), box, atol=1e-9)
    xywh = boxes.xyxy_to_xywh(box)
    np.testing.assert_allclose(boxes.cxcywh_to_xywh(boxes.xywh_to_cxcywh(xywh)), xywh, atol=1e-9)


@given(xyxy(), xyxy())
def test_iou_laws(a, b):
    table = boxes.iou(a[:, None], b[None])
    assert ((table >= 0) & (table <= 1 + 1e-12)).all()
    np.testing.assert_allclose(table, boxes.iou(b[:, None], a[None]).T)
    np.testing.assert_allclose(boxes.iou(a, a), 1)
    generalised = boxes.giou(a[:, None], b[None])
    assert (generalised <= table + 1e-9).all()
    assert (generalised >= -1 - 1e-9).all()


@given(xyxy(), xyxy())
def test_tensors_agree_with_arrays(a, b):
    for function in (boxes.iou, boxes.giou, boxes.intersection):
        there = function(torch.tensor(a)[:, None], torch.tensor(b)[None])
        np.testing.assert_allclose(there.numpy(), function(a[:, None], b[None]), rtol=1e-12)


@given(xyxy(), arrays(np.float64, 2, elements=coordinate))
def test_distances_lead_back(box, point):
    np.testing.assert_allclose(boxes.ltrb_to_xyxy(point, boxes.xyxy_to_ltrb(point, box)), box, atol=1e-9)


@given(xyxy())
def test_clipping_keeps_boxes_inside(box):
    clipped = boxes.clip_xyxy(box, 320, 240)
    assert (clipped >= 0).all()
    assert (clipped[:, 0::2] <= 320).all()
    assert (clipped[:, 1::2] <= 240).all()
    assert (boxes.area(clipped) <= boxes.area(box) + 1e-9).all()


def test_empty_boxes_have_no_overlap():
    nothing = np.zeros((1, 4))
    assert boxes.iou(nothing, nothing)[0] == 0


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_start_box_does_not_depend_on_the_sense_of_rotation(order):
    corners = np.array([[10.0, 20.0], [50.0, 25.0], [45.0, 90.0], [5.0, 85.0]])
    np.testing.assert_allclose(
        boxes.quadrilateral_to_cxcywh(corners[order].reshape(8)), boxes.quadrilateral_to_cxcywh(corners.reshape(8))
    )
    np.testing.assert_allclose(boxes.polygon_to_xyxy(corners[order].reshape(8)), [5, 20, 50, 90])
