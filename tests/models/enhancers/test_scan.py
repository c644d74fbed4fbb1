"""Laws of cross awareness: whose values are found, what stays the same, and what a fresh network equals."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, FeatureMap, grid_points
from siamtrack.models import build_network
from siamtrack.models.enhancers.scan import Scan, look_up, target_values, template_context

POINTS = grid_points(15, 15, 127, 8)
SMALL = ["MODEL.BACKBONE.NAME", "convnet", "MODEL.NECK.OUT", "16", "MODEL.NECK.TEMPLATE_CELLS", "0",
         "MODEL.CORRELATION.HIDDEN", "16", "MODEL.CORRELATION.CROP", "7", "MODEL.HEAD.HIDDEN", "16"]  # fmt: skip


def drawn(*shape: int, seed: int = 0, gain: float = 1.0) -> torch.Tensor:
    return gain * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pair(channels: int = 8, level: int = 0) -> tuple[FeatureMap, FeatureMap]:
    """Maps of a template with its box and of a search."""
    box = torch.tensor([[40.0, 30.0, 90.0, 100.0], [20.0, 50.0, 60.0, 90.0]])
    return (
        FeatureMap(drawn(2, channels, 15, 15, gain=0.3), 127, 8, box=box, level=level, template=True),
        FeatureMap(drawn(2, channels, 31, 31, seed=1, gain=0.3), 255, 8, level=level),
    )


# Values -------------------------------------------------------------------------------------------------------------

corner = st.floats(-300, 300, width=32)
side = st.floats(0, 400, width=32)


@given(corner, corner, side, side)
@settings(deadline=None)
def test_a_target_always_has_a_cell(x, y, w, h):
    box = torch.tensor([[x, y, x + w, y + h]])
    for kind in ("ellipse", "box"):
        values = target_values(POINTS, box, kind)
        assert values.sum() >= 1
        assert ((values == 0) | (values == 1)).all()


@given(corner, corner, st.floats(30, 400, width=32), st.floats(30, 400, width=32))
@settings(deadline=None)
def test_the_ellipse_lies_in_the_box(x, y, w, h):
    box = torch.tensor([[x, y, x + w, y + h]])
    ellipse, whole = target_values(POINTS, box, "ellipse"), target_values(POINTS, box, "box")
    assert (ellipse <= whole).all() or ellipse.sum() == 1  # a single cell may be the nearest one, outside


def test_a_target_between_cells_takes_the_nearest():
    values = target_values(POINTS, torch.tensor([[64.5, 65.0, 69.0, 69.5], [-50.0, 200.0, -48.0, 203.0]]))
    assert values[0].nonzero().tolist() == [[8, 7]]  # its centre is (66.75, 67.25), the cells' points 63 and 71
    assert values[1].nonzero().tolist() == [[14, 0]]


def test_cells_on_the_rim_do_not_count():
    box = torch.tensor([[63.0 - 8, 63.0 - 8, 63.0 + 8, 63.0 + 8]])
    assert target_values(POINTS, box, "ellipse")[0].nonzero().tolist() == [[7, 7]]
    assert target_values(POINTS, box, "box").sum() == 1


# Attention ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_order_of_addresses_does_not_matter(seed):
    search, template = drawn(1, 6, 5, 4, seed=seed), drawn(1, 6, 3, 3, seed=seed + 1)
    values = (drawn(1, 3, 3, seed=seed + 2) > 0).float()
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    _, found = look_up(search, template, values)
    _, again = look_up(
        search, template.flatten(2)[:, :, order].view_as(template), values.flatten(1)[:, order].view_as(values)
    )
    torch.testing.assert_close(again, found)
    assert (found >= 0).all()
    assert (found <= 1 + 1e-6).all()


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_moving_the_search_moves_what_is_found(seed):
    search, template = drawn(1, 6, 4, 5, seed=seed), drawn(1, 6, 3, 3, seed=seed + 1)
    values = (drawn(1, 3, 3, seed=seed + 2) > 0).float()
    order = torch.randperm(20, generator=torch.Generator().manual_seed(seed))
    _, found = look_up(search, template, values)
    _, moved = look_up(search.flatten(2)[:, :, order].view_as(search), template, values)
    torch.testing.assert_close(moved.flatten(1), found.flatten(1)[:, order])


def test_all_values_one_say_nothing():
    _, found = look_up(drawn(1, 6, 4, 5), drawn(1, 6, 3, 3), torch.ones(1, 3, 3))
    torch.testing.assert_close(found, torch.ones_like(found))


@pytest.mark.parametrize("reading", ["channel_reverse", "channel", "spatial"])
def test_the_context_does_not_depend_on_the_order_of_the_search(reading):
    template, search = drawn(2, 6, 3, 3), drawn(2, 6, 4, 5, seed=1)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    _, context = template_context(template, search, reading)
    _, again = template_context(template, search.flatten(2)[:, :, order].view_as(search), reading)
    torch.testing.assert_close(again, context)


def test_the_plain_reading_is_inert():
    """The energy's diagonal outweighs its row: the reason for the default."""
    template, search = drawn(1, 64, 15, 15, gain=0.3), drawn(1, 64, 31, 31, gain=0.3)
    attention, context = template_context(template, search, "channel")
    torch.testing.assert_close(attention[0], torch.eye(64), atol=1e-5, rtol=0)
    torch.testing.assert_close(context, template, atol=1e-4, rtol=0)
    reverse, _ = template_context(template, search, "channel_reverse")
    assert reverse[0].diagonal().max() < 1e-5


# The part -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["channel_reverse", "channel", "spatial"])
def test_at_the_start_nothing_changes_and_both_scalars_learn(template):
    scan = Scan((8,), template=template)
    z, x = pair()
    new_z, new_x = scan(z, x)
    assert torch.equal(new_z.map, z.map)
    assert torch.equal(new_x.map, x.map)
    (new_z.map.square().sum() + new_x.map.square().sum()).backward()
    assert scan.alpha.grad.abs() > 0
    assert scan.beta.grad.abs() > 0


def test_both_sides_come_from_the_original_pair():
    z, x = pair()
    both = Scan((8,), alpha=0.7, beta=0.4)(z, x)
    alone_z = Scan((8,), search="none", beta=0.4)(z, x)[0]
    alone_x = Scan((8,), template="none", alpha=0.7)(z, x)[1]
    assert torch.equal(both[0].map, alone_z.map)
    assert torch.equal(both[1].map, alone_x.map)
    assert not torch.equal(both[1].map, x.map)


def test_every_level_has_its_own_scalars_and_embeddings():
    scan = Scan((8, 12), embed=4, alpha=0.5)
    with torch.no_grad():
        scan.alpha[1] = 0.0
    first, second = pair(8), pair(12, level=1)
    assert not torch.equal(scan(*first)[1].map, first[1].map)
    assert torch.equal(scan(*second)[1].map, second[1].map)


def test_fixed_scalars_are_kept_but_do_not_learn():
    scan = Scan((8,), alpha=0.7, beta=0.4, learn=False)
    assert not list(scan.parameters())
    assert set(scan.state_dict()) == {"alpha", "beta"}


def test_low_precision_reaches_neither_attention_nor_the_maps_kind():
    z, x = pair()
    scan = Scan((8,), alpha=0.7, beta=0.4)
    exact_z, exact_x = scan(z, x)
    low = [f.with_map(f.map.bfloat16()) for f in (z, x)]
    with torch.autocast("cpu", torch.bfloat16):
        new_z, new_x = scan(*low)
    assert new_z.map.dtype == new_x.map.dtype == torch.bfloat16
    torch.testing.assert_close(new_x.map.float(), exact_x.map, atol=0.02, rtol=0.02)
    torch.testing.assert_close(new_z.map.float(), exact_z.map, atol=0.02, rtol=0.02)


def test_a_template_without_box_is_a_sentence():
    z, x = pair()
    z.box = None
    with pytest.raises(ConfigError, match="needs the target's box in the template crop"):
        Scan((8,))(z, x)
    Scan((8,), search="none")(z, x)  # the template branch does not ask for it


def test_scan_without_branches_is_refused():
    with pytest.raises(ConfigError, match=r"are both none; take NAME: none"):
        Scan((8,), search="none", template="none")


# In a network -------------------------------------------------------------------------------------------------------


def crops(n: int, size: int, seed: int) -> Crop:
    pixels = torch.randint(0, 256, (n, 3, size, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Crop(pixels, torch.tensor([[size / 4, size / 4, size * 3 / 4, size * 3 / 4]]).expand(n, 4))


def test_a_fresh_network_equals_the_one_without_it():
    plain = build_network(config.load(overrides=SMALL)).eval()
    crossed = build_network(config.load(overrides=[*SMALL, "MODEL.ENHANCER.NAME", "scan"])).eval()
    missing, unexpected = crossed.load_state_dict(plain.state_dict(), strict=False)
    assert sorted(missing) == ["enhancer.alpha", "enhancer.beta"]
    assert not unexpected
    template, search = crops(2, 127, 1), crops(2, 255, 2)
    with torch.no_grad():
        expected, actual = plain((template,), search), crossed((template,), search)
    assert torch.equal(actual.logit, expected.logit)
    assert torch.equal(actual.ltrb, expected.ltrb)


def test_the_template_is_remembered_whole_and_serves_many_searches():
    network = build_network(
        config.load(overrides=[*SMALL, "MODEL.ENHANCER.NAME", "scan", "MODEL.ENHANCER.ALPHA", "0.7"])
    ).eval()
    template, search = crops(1, 127, 1), crops(3, 255, 2)
    with torch.no_grad():
        memory = network.remember(template)
        (remembered,) = memory.templates
        assert not remembered.kernels
        assert remembered.levels[0].map.shape[-2:] == (15, 15)
        together = network.locate(memory.expand(3), search)
        alone = network.locate(memory, Crop(search.pixels[2:]))
    torch.testing.assert_close(together.logit[2:], alone.logit, rtol=1e-4, atol=1e-5)
