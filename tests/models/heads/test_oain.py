"""The object-attention head: every option builds, learns everything it has, and does what it says."""

from __future__ import annotations

import pytest
import torch

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.contracts import Fused, FusedSpec
from siamtrack.models import build_network
from siamtrack.models.heads.oain import OainHead

INPUTS = ({"cls": FusedSpec(32), "loc": FusedSpec(32)},)


def head(**options) -> OainHead:
    torch.manual_seed(0)
    return OainHead(INPUTS, hidden=16, **options)


def fused(seed: int = 0, dtype=torch.float32) -> list[dict[str, Fused]]:
    generator = torch.Generator().manual_seed(seed)
    maps = (torch.randn(2, 32, 9, 9, generator=generator, dtype=dtype) for _ in range(2))
    return [{branch: Fused(m.requires_grad_(), 127, 8) for branch, m in zip(("cls", "loc"), maps, strict=True)}]


OPTIONS = [
    {}, {"channel": False}, {"spatial": False}, {"channel": False, "spatial": False}, {"align": "none"},
    {"align": "regular"}, {"align": "dilated", "dilation": 3}, {"gammas": (1.0,)}, {"gammas": (1.0,) * 6},
    {"reduction": 8}, {"mlp_bias": True}, {"descriptor": "concat"}, {"max_from": "cls"}, {"value": "reg"},
    {"slp_bias": False}, {"towers": 0}, {"towers": 1}, {"decode": "relu"}, {"decode": "stride"},
    {"offsets": "ocean"}, {"detach": False}, {"align_relu": False}, {"align_from": "tower"},
    {"towers": 0, "align_from": "tower"},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_learns_all_its_parameters(options):
    made, given = head(**options), fused()
    points = made(given)
    assert points.logit.shape == (2, 9, 9)
    assert points.ltrb.shape == (2, 4, 9, 9)
    assert (points.align is None) == (options.get("align") == "none")
    assert (points.ltrb >= 0).all()
    loss = points.logit.square().sum() + points.ltrb.sum()
    if points.align is not None:
        loss = loss + points.align.square().sum()
    loss.backward()
    assert [name for name, p in made.named_parameters() if p.grad is None] == []
    assert given[0]["cls"].map.grad.abs().sum() > 0
    assert given[0]["loc"].map.grad.abs().sum() > 0


@pytest.mark.parametrize("options", [o for o in OPTIONS if o and o != {"detach": False}], ids=str)
def test_every_option_changes_the_answer(options):
    default, other = head().eval(), head(**options).eval()
    for name, value in default.state_dict().items():  # equal weights wherever both have them
        target = other.state_dict().get(name)
        if target is not None and target.shape == value.shape:
            target.copy_(value)
    expected, actual = default(fused()), other(fused())
    same = [
        torch.equal(a, b) if a is not None and b is not None else a is b
        for a, b in ((actual.logit, expected.logit), (actual.ltrb, expected.ltrb), (actual.align, expected.align))
    ]
    assert not all(same)


def test_the_regression_map_enters_through_its_attention_alone():
    """By equation 9 boxes are read from the class feature: with other channels of F_reg in the same order of size
    nothing changes, as mean and maximum over channels stay."""
    made, given = head().eval(), fused()
    shuffled = [{"cls": given[0]["cls"], "loc": Fused(given[0]["loc"].map.flip(1), 127, 8)}]
    torch.testing.assert_close(made(shuffled).ltrb, made(given).ltrb)
    carried = head(value="reg").eval()
    assert not torch.allclose(carried(shuffled).ltrb, carried(given).ltrb)


def test_without_attention_the_branches_do_not_meet():
    made, given = head(channel=False, spatial=False, align="none").eval(), fused()
    made(given).logit.sum().backward()
    assert given[0]["loc"].map.grad is None


def test_distances_start_near_ocean():
    made = head()
    assert made.distances.scale.item() == pytest.approx(0.1)
    torch.testing.assert_close(made.distances(torch.zeros(1, 4, 1, 1), 8), torch.full((1, 4, 1, 1), torch.e))


def test_it_runs_in_low_precision():
    made, given = head().eval(), fused()
    with torch.autocast("cpu", torch.bfloat16):
        low = made(given)
    exact = made(given)
    assert low.ltrb.dtype == torch.float32
    torch.testing.assert_close(low.ltrb, exact.ltrb, atol=0.05, rtol=0.05)
    torch.testing.assert_close(low.align.float(), exact.align, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"gammas": ()}, "GAMMAS: is empty"), ({"reduction": 64}, "should lie between 1 and the 32 channels")],
)
def test_what_cannot_be_is_a_sentence(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        head(**options)


def test_several_levels_are_refused():
    cfg = config.load(
        overrides=["MODEL.HEAD.NAME", "oain", "MODEL.BACKBONE.NAME", "convnet", "MODEL.BACKBONE.USED_LAYERS", "[4, 5]"]
    )
    with pytest.raises(ConfigError, match=r"head 'oain' makes sense for 1 level\(s\), but 2 reach it"):
        build_network(cfg)
