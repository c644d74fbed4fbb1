"""SiamFC's labels: a diamond of cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.config import ConfigError
from siamtrack.contracts import Batch, Crop, Response
from siamtrack.losses.cross_entropy import BalancedCrossEntropy
from siamtrack.targets.response import ResponseLabeller


def label(labeller: ResponseLabeller, n: int, size: int, box=(0.0, 0.0, 9.0, 9.0), present: bool = True) -> np.ndarray:
    blank = Crop(torch.empty(1, 3, 0, 0), torch.tensor([box]))
    batch = Batch((blank,), blank, torch.tensor([present]), torch.zeros(1, dtype=torch.int64))
    return labeller(Response(torch.zeros(1, n, n), size, 8), batch).label[0].numpy()


@settings(deadline=None)
@given(st.integers(0, 40), st.sampled_from([(15, 239), (17, 255)]))
def test_cells_within_the_radius(radius: int, map_and_crop: tuple[int, int]) -> None:
    n, size = map_and_crop
    row, column = np.indices((n, n)) - n // 2
    expected = (np.abs(row) + np.abs(column)) * 8 <= radius
    np.testing.assert_array_equal(label(ResponseLabeller(radius=radius), n, size), expected)


def test_they_stay_in_the_middle_unless_told_otherwise() -> None:
    box = (150.0, 90.0, 170.0, 116.0)  # its centre lies 4 cells right of and 2 above that of a search of 239 px
    middle = label(ResponseLabeller(), 15, 239)
    np.testing.assert_array_equal(label(ResponseLabeller(), 15, 239, box), middle)
    moved = label(ResponseLabeller(centre="box"), 15, 239, (141.0, 93.0, 161.0, 113.0))
    np.testing.assert_array_equal(moved[:13, 4:], middle[2:, :11])
    assert moved.sum() == middle.sum() == 13


def test_a_negative_pair_has_no_target() -> None:
    assert not label(ResponseLabeller(), 15, 239, present=False).any()


def test_a_negative_radius_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"TARGETS\.RADIUS"):
        ResponseLabeller(radius=-1)


@pytest.mark.parametrize("centre", ["crop", "box"])
def test_labels_and_loss_never_ask_the_device_for_a_value(centre: str) -> None:
    """On the meta device there are no values: whatever the host would have to wait for raises."""
    logit = torch.empty(2, 15, 15, device="meta", requires_grad=True)
    blank = Crop(torch.empty(2, 3, 0, 0), torch.zeros(2, 4))
    batch = Batch((blank,), blank, torch.ones(2, dtype=torch.bool), torch.zeros(2, dtype=torch.int64)).to("meta")
    prediction = Response(logit, 239, 8)
    BalancedCrossEntropy()(prediction, ResponseLabeller(centre=centre)(prediction, batch)).backward()
    assert logit.grad.shape == logit.shape
