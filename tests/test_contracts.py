"""What passes between the rooms."""

from __future__ import annotations

import torch

from siamtrack.contracts import Anchors, FeatureMap, Memory, Points, Remembered, grid_points, map_tensors


class _OnGrid(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        _, boxes = Anchors(x, x.new_zeros(1, 4, 1, 3, 3), ((64, 32),), 61, 8).flat()
        return boxes, grid_points(3, 3, 61, 8, x.device) + x[0]


def test_a_grid_made_for_an_export_serves_nobody_else():
    """An export runs on tensors without numbers; a grid of such, kept, would spoil every later answer."""
    module, x = _OnGrid(), torch.zeros(1, 1, 3, 3)
    exported = torch.export.export(module, (x,), strict=False).module()
    boxes, points = module(x)
    assert points[0, 0].tolist() == [22, 30, 38]
    assert boxes[0, 4].tolist() == [30 - 32, 30 - 16, 30 + 32, 30 + 16]
    assert all(torch.equal(a, b) for a, b in zip(exported(x), (boxes, points), strict=True))


def test_grid_of_odd_and_even_maps():
    assert grid_points(25, 25, 255, 8)[0, 0, [0, 12, 24]].tolist() == [31, 127, 223]
    assert grid_points(16, 16, 255, 16)[1, [0, 15], 0].tolist() == [-1, 239]  # NanoTrack V1


def test_boxes_of_points_invert_their_targets():
    points = Points(torch.zeros(2, 5, 5), torch.rand(2, 4, 5, 5) * 20 + 1, 63, 8)
    logit, boxes = points.flat()
    assert logit.shape == (2, 25)
    x, y = points.points()[:, 1, 3]
    left, top, right, bottom = points.ltrb[1, :, 1, 3]
    torch.testing.assert_close(boxes[1, 1 * 5 + 3], torch.stack([x - left, y - top, x + right, y + bottom]))


def test_anchors_without_offsets_are_their_own_boxes():
    anchors = Anchors(torch.zeros(1, 2, 3, 3), torch.zeros(1, 4, 2, 3, 3), ((64, 32), (32, 64)), 255, 8)
    _, boxes = anchors.flat()
    torch.testing.assert_close(boxes[0, 9 + 4], torch.tensor([127.0 - 16, 127 - 32, 127 + 16, 127 + 32]))


def test_the_centre_of_a_map_keeps_its_mask():
    mask = torch.arange(49).view(1, 7, 7) % 2 == 0
    cut = FeatureMap(torch.arange(49.0).view(1, 1, 7, 7), 63, 8, mask).center(3)
    assert cut.map[0, 0, 0, 0] == 16
    torch.testing.assert_close(cut.mask[0], mask[0, 2:5, 2:5])
    assert FeatureMap(torch.zeros(1, 1, 2, 2), 63, 8).center(3).map.shape[-1] == 2


def test_memories_join_index_and_expand():
    def memory(value: float) -> Memory:
        return Memory((Remembered(({"cls": (torch.full((2, 1), value),)},)),))

    both = memory(1) + memory(2)
    assert [t.kernels[0]["cls"][0][0, 0].item() for t in both.templates] == [1, 2]
    assert both[:1].templates[0].kernels[0]["cls"][0].shape == (1, 1)
    assert both[:1].expand(3).templates[1].kernels[0]["cls"][0].shape == (3, 1)
    assert both.replaced(1, memory(9)).templates[1].kernels[0]["cls"][0][0, 0] == 9


def test_map_tensors_reaches_everything():
    made = map_tensors({"a": (torch.ones(1), [torch.ones(1)]), "b": 3}, lambda t: t + 1)
    assert made["a"][0] == 2
    assert made["a"][1][0] == 2
    assert made["b"] == 3
