"""Every part with every other: what goes together is built, learns and tracks; what does not is refused, and says why.

The parts come from the registries. ``SIAMTRACK_PLUGINS=package.module,...`` puts those of a plug-in to the same test.
"""

from __future__ import annotations

import functools
import itertools
import os
import re

import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Anchors, Batch, Corners, Points, Response
from siamtrack.losses import Criterion, terms
from siamtrack.models import SiameseNetwork, build_network
from siamtrack.models.slots import correlations, enhancers, heads
from siamtrack.registry import load_plugins
from siamtrack.targets import labellers
from siamtrack.tracking import build_tracker
from tests.combination import (
    Combination,
    batch,
    built,
    loss_sets,
    resolved,
    serving,
    small,
    tensors,
    track,
    train,
    without_gradient,
)

load_plugins(filter(None, os.environ.get("SIAMTRACK_PLUGINS", "").split(",")))

# correlations that give scores, and the heads that take them as they are; all others want features
ANSWERS = {"up_channel": {"ban", "anchor"}, "cross": {"response"}}
SINGLE_LEVEL = {"transformer", "oain", "nanotrack_v1", "nanotrack_v2", "nanotrack_v3"}
PAIRS = list(itertools.product(correlations, heads))
SMALLEST_GRID = list(
    itertools.product(
        ("depthwise", "up_channel", "pixelwise", "asymmetric", "transformer"),
        ("none", "self_attention", "scan"),
        ("ban", "oain", "anchor", "corner"),
    )
)


def refusal(combination: Combination) -> str:
    """What a sentence must say that refuses a combination of the house's own parts; ``""``: it must work."""
    if combination.levels > 1 and combination.correlation in SINGLE_LEVEL:
        return rf"correlation '{combination.correlation}' makes sense for 1 level\(s\), but 2 reach it"
    if combination.levels > 1 and combination.head in SINGLE_LEVEL:
        return rf"head '{combination.head}' makes sense for 1 level\(s\), but 2 reach it"
    if combination.head not in ANSWERS.get(combination.correlation, {combination.head}):
        return (
            rf"correlation '{combination.correlation}' answers with scores, but head '{combination.head}' wants feat"
            "|answers branch 'cls' with . maps, but the head reads"
            "|answers the branches cls, loc itself, but the head wants features"
        )
    return ""


@functools.cache
def verdict(combination: Combination) -> str:
    """The sentence that refuses a combination, or ``""``."""
    try:
        with torch.device("meta"):
            build_network(combination.config())
    except ConfigError as error:
        return str(error)
    return ""


def works(combination: Combination) -> int:
    """Train two steps with each set of losses, track three frames; how many sets there were."""
    cfg, network = built(combination)
    templates = 2 if network.max_templates is None else 1
    batches = [batch(templates), batch(templates, (True, False))]
    labels, sets = serving(labellers, combination.makes), loss_sets(combination.makes)
    possible = judges(network, batches[0])
    for i, names in enumerate(sets):
        judged = [name for name in names if name in possible]
        tree = resolved(
            TARGETS={"NAME": labels[i % len(labels)]}, LOSSES=[{"NAME": name, "WEIGHT": 1.0} for name in judged]
        )
        assert set(train(tree, network, batches)) == set(judged)
    assert without_gradient(network) == []  # the last set holds every loss, so it reaches every parameter

    other = batch(1, seed=1)
    with torch.no_grad():  # in training mode: batch norm keeps so narrow a network from dying behind a ReLU
        found = [network(given.templates[:1], batches[0].search) for given in (batches[0], other)]
    different = [not torch.equal(a, b) for a, b in zip(*map(tensors, found), strict=True)]
    assert any(different), "the template makes no difference"
    track(cfg, network)
    return len(sets)


def judges(network: SiameseNetwork, given: Batch) -> set[str]:
    """The terms that find in this head's predictions what they judge; the others of its kind must say so."""
    makes = network.head.makes
    with torch.no_grad():
        prediction = network(given.templates, given.search)
        targets = labellers.build({"NAME": serving(labellers, makes)[0]})(prediction, given)
    found = set()
    for name in serving(terms, makes):
        try:
            Criterion([{"NAME": name}], makes)(prediction, targets)
        except ConfigError as error:
            sentence = str(error)
        else:
            found.add(name)
            continue
        assert f"the term '{name}' judges" in sentence
    return found


@pytest.mark.parametrize(("correlation", "head"), PAIRS)
def test_a_pair_works_or_is_refused(correlation, head, record_property):
    """With every enhancer and every set of losses."""
    worked, refused = 0, 0
    for enhancer in enhancers:
        combination = Combination(correlation, enhancer, head)
        expected = refusal(combination)
        if expected:
            assert re.search(expected, verdict(combination)), f"{combination}: {verdict(combination)!r}"
            refused += 1
        else:
            assert verdict(combination) == "", combination
            worked += works(combination)
    record_property("combinations with losses that worked", worked)
    record_property("combinations refused", refused)


@pytest.mark.parametrize(("correlation", "head"), PAIRS)
def test_two_levels_work_or_are_refused(correlation, head):
    combination = Combination(correlation, "none", head, levels=2)
    expected = refusal(combination)
    if expected:
        assert re.search(expected, verdict(combination)), f"{combination}: {verdict(combination)!r}"
    else:
        cfg, network = built(combination)
        tree = resolved(TARGETS=cfg.TARGETS, LOSSES=[{"NAME": name} for name in loss_sets(combination.makes)[0]])
        train(tree, network, [batch(1)])
        track(cfg, network, frames=1)


def test_count(record_property, capsys):
    """How many combinations there are, and that the least that interchange is to mean is among them."""
    everything = [
        Combination(*names, levels=levels)
        for names in itertools.product(correlations, enhancers, heads)
        for levels in (1, 2)
    ]
    assert {(c.correlation, c.enhancer, c.head) for c in everything} >= set(SMALLEST_GRID)
    sentences = {combination: verdict(combination) for combination in everything}
    working = [combination for combination, sentence in sentences.items() if not sentence]
    with_losses = sum(len(loss_sets(combination.makes)) for combination in working)
    for combination, sentence in sentences.items():
        expected = refusal(combination)
        assert bool(sentence) == bool(expected), f"{combination}: {sentence}"
        assert re.search(expected, sentence), f"{combination}: {sentence}"
    count = f"{len(working)} combinations of parts built ({with_losses} with their sets of losses), "
    count += f"{len(everything) - len(working)} refused"
    record_property("interchange", count)
    with capsys.disabled():
        print(f"\ninterchange: {count}")
    least = [Combination(*names) for names in SMALLEST_GRID]
    assert sum(not sentences[combination] for combination in least) == 60 - 6  # up-channel x (OAIN, corner)


# Pairs that cannot be, one by one ----------------------------------------------------------------------------------


def refused(**model) -> str:
    with pytest.raises(ConfigError) as error:
        build_network(resolved(MODEL=model))
    return str(error.value)


def test_up_channel_and_oain():
    sentence = verdict(Combination("up_channel", "none", "oain"))
    assert "correlation 'up_channel' answers with scores, but head 'oain' wants features" in sentence
    assert "anchor, ban, response" in sentence


@pytest.mark.parametrize("correlation", sorted(set(correlations) - {*ANSWERS, "transformer"}))
def test_a_score_needs_a_decoder(correlation):
    with pytest.raises(ConfigError, match="reads a decoder's answer for the target, but the correlation has none"):
        build_network(Combination(correlation, "none", "corner").config(score=True))


def test_several_templates_need_parts_that_take_them():
    for combination in (Combination("depthwise", "none", "ban"), Combination("transformer", "scan", "ban")):
        _, network = built(combination)
        assert network.max_templates == 1
        given = batch(2)
        with pytest.raises(ConfigError, match=r"take 1 template\(s\), but the memory holds 2"):
            network(given.templates, given.search)
    cfg, network = built(Combination("transformer", "scan", "corner"))
    cfg = resolved(MODEL=cfg.MODEL, CROP=cfg.CROP, TRACK={"NAME": "corners", "UPDATE_INTERVALS": [5]})
    with pytest.raises(ConfigError, match="asks for 2 templates, but the network takes 1"):
        build_tracker(cfg, network)


@pytest.mark.parametrize("makes", [Points, Anchors, Corners, Response])
def test_losses_judge_their_kind_alone(makes):
    for name in set(terms) - set(serving(terms, makes)):
        with pytest.raises(ConfigError, match=f"the term '{name}' judges .*, but the head makes {makes.__name__}"):
            Criterion([{"NAME": name}], makes)
    rankings = {name for name in terms if "ranking" in name}
    assert (rankings <= set(serving(terms, makes))) == (makes in (Points, Anchors))


@pytest.mark.parametrize(
    ("combination", "sentence"),
    [
        (
            Combination("transformer", "self_attention", "ban"),
            "computes self-attention, which correlation",
        ),
        (Combination("transformer", "scan", "ban"), "computes cross-attention, which correlation"),
        (Combination("transformer", "none", "oain"), "its cross-branch attention shrinks"),
        (Combination("pixelwise", "none", "oain"), "its cross-branch attention shrinks"),
        (Combination("depthwise", "none", "corner"), "corners can lie only between 31 and 95 of 127 px"),
        (Combination("depthwise", "self_attention", "ban"), ""),
        (Combination("depthwise", "none", "oain"), ""),
        (Combination("transformer", "none", "corner"), ""),
        (Combination("pixelwise", "none", "corner"), ""),
    ],
    ids=str,
)
def test_what_works_with_a_remark(combination, sentence, caplog):
    _, network = built(combination)
    assert len(network.remarks) == bool(sentence)
    assert sentence in "".join(network.remarks)
    assert sentence in caplog.text


# Plug-ins ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plugin(monkeypatch):
    """The parts of a plug-in, known for one test."""
    for registry in (correlations, enhancers, heads, terms):
        assert "plugged" not in registry
        monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    monkeypatch.delitem(__import__("sys").modules, "tests.plugged", raising=False)
    load_plugins(["tests.plugged"])


@pytest.mark.usefixtures("plugin")
def test_parts_of_a_plugin_take_part():
    own = [Combination("plugged", "plugged", "plugged")]
    own += [Combination("plugged", "none", head) for head in heads if head != "plugged"]
    own += [Combination(correlation, "plugged", "ban") for correlation in ("depthwise", "pixelwise", "transformer")]
    own += [Combination(correlation, "none", "plugged") for correlation in ("depthwise", "pixelwise", "transformer")]
    assert all("plugged" in names for names in loss_sets(Points)[-1:])
    for combination in own:
        works(combination)


@pytest.mark.usefixtures("plugin")
def test_parts_of_a_plugin_are_held_to_the_same_rules():
    for correlation, wanted in (("up_channel", "wants features"), ("cross", "wants features")):
        assert wanted in refused(
            BACKBONE={"NAME": "convnet"}, CORRELATION=small(correlations, correlation), HEAD={"NAME": "plugged"}
        )
    levels = {"NAME": "convnet", "USED_LAYERS": [3, 4]}
    assert "head 'plugged' makes sense for 1 level(s), but 2 reach it" in refused(
        BACKBONE=levels, CORRELATION={"NAME": "plugged"}, HEAD={"NAME": "plugged"}
    )
