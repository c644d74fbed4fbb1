"""Options that give a network from nothing a better start, and change nothing where they are not used."""

from __future__ import annotations

import torch

from siamtrack.contracts import FeatureMap, Fused, FusedSpec
from siamtrack.models.correlations.depthwise import DepthwiseCorrelation
from siamtrack.models.heads.ban import BanHead


def test_embeddings_that_start_alike_find_the_template_before_anything_is_learnt():
    torch.manual_seed(0)
    part = DepthwiseCorrelation(8, "cls", hidden=16, alike=True).eval()
    search = torch.randn(20, 8, 15, 15)
    template = FeatureMap(search[:, :, 6:13, 3:10].clone(), 63, 8)
    with torch.no_grad():
        response = part([part.kernel(template)], FeatureMap(search, 127, 8)).map.sum(1)
    best = response.flatten(1).argmax(1)
    assert (best == 6 * response.shape[2] + 3).all()


def test_embeddings_start_apart_unless_asked_to_and_move_apart_when_learning():
    apart = DepthwiseCorrelation(8, "cls", hidden=16)
    assert not torch.equal(apart.template.conv.weight, apart.search.conv.weight)
    alike = DepthwiseCorrelation(8, "cls", hidden=16, alike=True)
    assert torch.equal(alike.template.conv.weight, alike.search.conv.weight)
    assert alike.template.conv.weight is not alike.search.conv.weight


def test_the_unit_of_distances_scales_them_and_nothing_else():
    torch.manual_seed(0)
    inputs = ({"cls": FusedSpec(4), "loc": FusedSpec(4)},)
    plain, in_units = BanHead(inputs, hidden=8), BanHead(inputs, hidden=8, unit=20.0)
    in_units.load_state_dict(plain.state_dict())  # it is an option, no weight
    fused = [{branch: Fused(torch.randn(2, 4, 9, 9), 127, 8) for branch in ("cls", "loc")}]
    with torch.no_grad():
        one, twenty = plain(fused), in_units(fused)
    torch.testing.assert_close(twenty.ltrb, 20 * one.ltrb)
    assert torch.equal(twenty.logit, one.logit)
    assert 10 < twenty.ltrb.median() < 40
