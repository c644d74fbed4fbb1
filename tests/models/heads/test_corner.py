"""The corner head: expectations on the grid, levels, score, and what is refused."""

from __future__ import annotations

import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Fused, FusedSpec
from siamtrack.models.heads.corner import CornerHead


def made(levels: int = 1, target: int = 0, **options) -> CornerHead:
    return CornerHead(tuple({"corner": FusedSpec(16, target)} for _ in range(levels)), hidden=16, **options).eval()


def peaked(head: CornerHead, corner: str, row: int, column: int) -> None:
    """Let a corner's tower answer with one high cell."""
    logits = torch.zeros(1, 1, 20, 20)
    logits[0, 0, row, column] = 100.0
    head.levels[0][corner].register_forward_hook(lambda *_: logits)


def test_a_sure_corner_lies_on_its_cell_and_an_unsure_one_in_the_middle() -> None:
    head = made()
    peaked(head, "top_left", 3, 5)
    features = [{"corner": Fused(torch.randn(1, 16, 20, 20), 320, 16)}]
    peaked(head, "bottom_right", 19, 19)
    prediction = head(features)
    torch.testing.assert_close(prediction.box, torch.tensor([[80.0, 48.0, 304.0, 304.0]]))
    torch.testing.assert_close(prediction.top_left.sum(), torch.tensor(1.0))
    even = made()
    for corner in ("top_left", "bottom_right"):
        torch.nn.init.zeros_(even.levels[0][corner].out.weight)
    torch.testing.assert_close(even(features).box, torch.full((1, 4), 152.0))


def test_several_levels_add_their_logits() -> None:
    head = made(levels=2)
    features = [{"corner": Fused(torch.randn(2, 16, 8, 8), 128, 16)} for _ in range(2)]
    seen = []
    for level in head.levels:
        level["top_left"].register_forward_hook(lambda _, __, out: seen.append(out[:, 0]))
    head.level_weight.data = torch.tensor([0.0, 1.0])
    prediction = head(features)
    a, b = torch.tensor([0.0, 1.0]).softmax(0)
    expected = (a * seen[0] + b * seen[1]).flatten(1).softmax(1).view(2, 8, 8)
    torch.testing.assert_close(prediction.top_left, expected)


def test_the_score_reads_the_answer_alone() -> None:
    head = made(target=12, score=True)
    target = torch.randn(3, 12)
    one, other = (head([{"corner": Fused(torch.randn(3, 16, 4, 4), 64, 16, target)}]) for _ in range(2))
    assert one.score.shape == (3,)
    assert torch.equal(one.score, other.score)
    assert made(target=12)([{"corner": Fused(torch.randn(3, 16, 4, 4), 64, 16, target)}]).score is None


@pytest.mark.parametrize(("options", "sentence"), [({"hidden": 20}, "multiple of 8"), ({"hidden": 0}, "multiple of 8")])
def test_widths_that_cannot_be_halved(options, sentence) -> None:
    with pytest.raises(ConfigError, match=sentence):
        CornerHead(({"corner": FusedSpec(16)},), **options)


def test_too_many_channels_are_refused() -> None:
    with pytest.raises(ConfigError, match="16384 channels would have 38 M"):
        CornerHead(({"corner": FusedSpec(16384)},))
