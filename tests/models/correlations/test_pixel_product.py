"""Pixel-wise products: the formula by loops, what is computed once, and what is refused."""

from __future__ import annotations

import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import FeatureMap, FusedSpec
from siamtrack.models.correlations.pixel_product import pixel_product, template_cells
from siamtrack.models.slots import correlations

NAMES = ["pixel_product", "embedded_pixel_product", "dual_product"]


def built(name: str, **options):
    torch.manual_seed(0)
    return correlations.build({"NAME": name, **options}, channels=6, branch="cls").eval()


def sides(batch: int = 2) -> tuple[FeatureMap, FeatureMap]:
    torch.manual_seed(1)
    return FeatureMap(torch.randn(batch, 6, 8, 8), 127, 16), FeatureMap(torch.randn(batch, 6, 16, 16), 255, 16)


def test_each_cell_of_the_template_gives_a_map_of_inner_products() -> None:
    template, search = torch.randn(2, 5, 3, 3), torch.randn(2, 5, 4, 7)
    products = pixel_product(template_cells(template, 3), search)
    assert products.shape == (2, 9, 4, 7)
    for b in range(2):
        for j in range(9):
            for y in range(4):
                for x in range(7):
                    by_hand = float(template[b, :, j // 3, j % 3] @ search[b, :, y, x])
                    assert float(products[b, j, y, x]) == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "channels", "cells"),
    [("pixel_product", 64, 16), ("embedded_pixel_product", 64, 16), ("dual_product", 10, 15)],
)
def test_the_promise_is_kept(name: str, channels: int, cells: int) -> None:
    correlation = built(name, **({"OUT": 10} if name == "dual_product" else {}))
    template, search = sides()
    with torch.no_grad():
        fused = correlation([correlation.kernel(template)], search)
    assert correlation.spec == FusedSpec(channels)
    assert fused.map.shape == (2, channels, cells, cells)
    assert (fused.size, fused.stride) == (255, 16)


@pytest.mark.parametrize("name", NAMES)
def test_targets_of_a_batch_do_not_see_each_other(name: str) -> None:
    correlation = built(name)
    template, search = sides()
    with torch.no_grad():
        both = correlation([correlation.kernel(template)], search).map
        for i in range(2):
            one = [FeatureMap(f.map[i : i + 1], f.size, f.stride) for f in (template, search)]
            torch.testing.assert_close(correlation([correlation.kernel(one[0])], one[1]).map[0], both[i])


@pytest.mark.parametrize("name", NAMES[1:])
def test_the_template_is_embedded_once(name: str) -> None:
    correlation = built(name)
    template, search = sides()
    calls = []
    correlation.template.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        kernel = correlation.kernel(template)
        for _ in range(3):
            correlation([kernel], search)
    assert len(calls) == 1


def test_only_the_plain_product_serves_all_branches() -> None:
    assert [correlations.get(name).shared for name in NAMES] == [True, False, False]


@pytest.mark.parametrize("name", NAMES)
def test_a_template_of_another_size_is_refused_with_the_option_to_set(name: str) -> None:
    correlation = built(name)
    with pytest.raises(ConfigError, match=r"TEMPLATE_CELLS is 8, but the template's map has 7 x 7 cells"):
        correlation.kernel(FeatureMap(torch.zeros(1, 6, 7, 7), 111, 16))
