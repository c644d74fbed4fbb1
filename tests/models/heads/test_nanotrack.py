"""NanoTrack's and ACM's heads: shapes, depth and what their towers see; equality with the originals is in parity."""

from __future__ import annotations

import pytest
import torch

from siamtrack.contracts import Fused, FusedSpec, Points
from siamtrack.models.slots import heads

CHANNELS = 12
NANOTRACK = ["nanotrack_v1", "nanotrack_v2", "nanotrack_v3"]


def built(name: str, levels: int = 1, **options):
    torch.manual_seed(0)
    inputs = tuple({"cls": FusedSpec(CHANNELS), "loc": FusedSpec(CHANNELS)} for _ in range(levels))
    return heads.build({"NAME": name, **options}, inputs=inputs).eval()


def fused(levels: int = 1, stride: int = 16):
    torch.manual_seed(1)
    return [{b: Fused(torch.randn(2, CHANNELS, 15, 15), 255, stride) for b in ("cls", "loc")} for _ in range(levels)]


@pytest.mark.parametrize("name", [*NANOTRACK, "acm"])
def test_points_on_the_cells_of_the_correlation(name: str) -> None:
    with torch.no_grad():
        points = built(name)(fused())
    assert isinstance(points, Points)
    assert points.logit.shape == (2, 15, 15)
    assert points.ltrb.shape == (2, 4, 15, 15)
    assert (points.size, points.stride) == (255, 16)
    assert (points.ltrb > 0).all()


@pytest.mark.parametrize("name", NANOTRACK)
def test_branches_do_not_see_each_other(name: str) -> None:
    head, level = built(name), fused()
    with torch.no_grad():
        before = head(level)
        level[0]["loc"] = Fused(level[0]["loc"].map + 1, 255, 16)
        after = head(level)
    assert torch.equal(before.logit, after.logit)
    assert not torch.allclose(before.ltrb, after.ltrb)


@pytest.mark.parametrize(
    # side of the window: 1 + sum of (kernel - 1) over a tower's layers
    ("name", "cls", "loc"), [("nanotrack_v1", 11, 13), ("nanotrack_v2", 13, 13), ("nanotrack_v3", 13, 13)],
)  # fmt: skip
def test_towers_see_as_far_as_their_kernels(name: str, cls: int, loc: int) -> None:
    torch.manual_seed(0)
    head = built(name).double()
    for branch, side in (("cls", cls), ("loc", loc)):
        x = torch.randn(1, CHANNELS, 31, 31, dtype=torch.float64, requires_grad=True)
        getattr(head, branch)(x)[..., 15, 15].abs().sum().backward()
        rows, columns = (x.grad[0].abs().sum(0) > 0).nonzero(as_tuple=True)
        assert (int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1) == (side, side)


@pytest.mark.parametrize("depth", [1, 3])
def test_depth_and_width_are_options(depth: int) -> None:
    head = built("nanotrack_v3", DEPTH=depth, WIDTH=24)
    convolutions = [m for m in head.cls if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 2 * depth
    assert convolutions[-1].out_channels == head.cls_out.in_channels == 24


def test_acm_fuses_levels_as_siamban_does() -> None:
    head = built("acm", levels=2, HIDDEN=8)
    ban = built("ban", levels=2, HIDDEN=8)
    assert {n for n, _ in head.named_parameters() if n.startswith(("cls_", "loc_"))} == {
        "cls_weight", "loc_weight", "loc_scale",
    }  # fmt: skip
    towers = [head.levels[i]["loc"](level["loc"].map) for i, level in enumerate(fused(2, 8))]
    expected = ban.fuse([t[:, 0] for t in towers], towers)[1]
    torch.testing.assert_close(head(fused(2, 8)).ltrb, expected)
    assert head.levels[0]["cls"].conv.kernel_size == head.levels[0]["cls"].out.kernel_size == (3, 3)
    assert ban.levels[0]["cls"].conv.kernel_size == (1, 1)
