"""Training starts from a checkpoint of ours: wholly, or with the slots that are to be new left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.contracts import Crop
from siamtrack.models import build_network
from siamtrack.models.network import SiameseNetwork
from siamtrack.models.pretrained import start_from_run
from siamtrack.models.weights import WeightsError, save_weights
from tests.tiny import TINY

Make = Callable[..., SiameseNetwork]
ATTENTION = {"NAME": "self_attention", "REDUCTION": 4, "ALPHA": 0.0}


@pytest.fixture
def network(tmp_path: Path) -> Make:
    """Makes a tiny network with weights of a seed and other slots."""

    def make(seed: int, **slots: Any) -> SiameseNetwork:
        path = tmp_path / f"{seed}-{'-'.join(slots)}.yaml"
        path.write_text(yaml.safe_dump({"MODEL": {**TINY["MODEL"], **slots}, "CROP": TINY["CROP"]}))
        torch.manual_seed(seed)
        return build_network(config.load(path))

    return make


@pytest.fixture
def plain(tmp_path: Path, network: Make) -> tuple[SiameseNetwork, Path]:
    made = network(1)
    save_weights(tmp_path / "plain.safetensors", made.state_dict(), "", {})
    return made, tmp_path / "plain.safetensors"


def test_all_is_taken_over(plain: tuple[SiameseNetwork, Path], network: Make) -> None:
    other = network(2)
    start_from_run(other, plain[1])
    for name, value in plain[0].state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_self_attention_added_to_a_trained_network_changes_nothing_on_the_first_day(
    plain: tuple[SiameseNetwork, Path], network: Make
) -> None:
    attentive = network(2, ENHANCER=ATTENTION)
    start_from_run(attentive, plain[1], ["enhancer"])
    template, search = (Crop(255 * torch.rand(1, 3, side, side)) for side in (63, 127))
    with torch.no_grad():
        ours, before = (each.eval().locate(each.remember(template), search) for each in (attentive, plain[0]))
    assert torch.equal(ours.logit, before.logit)
    assert torch.equal(ours.ltrb, before.ltrb)


def test_a_slot_left_out_keeps_what_was_drawn(plain: tuple[SiameseNetwork, Path], network: Make) -> None:
    other = network(2)
    drawn = {name: value.clone() for name, value in other.state_dict().items()}
    start_from_run(other, plain[1], ["head"])
    for name, value in other.state_dict().items():
        source = drawn if name.startswith("head.") else plain[0].state_dict()
        assert torch.equal(value, source[name]), name


def test_what_does_not_fit_is_said_with_the_way_out(plain: tuple[SiameseNetwork, Path], network: Make) -> None:
    with pytest.raises(WeightsError, match=r"lacks \d+, such as enhancer\..*MODEL.INIT_FRESH \[enhancer\]"):
        start_from_run(network(2, ENHANCER=ATTENTION), plain[1])
    with pytest.raises(WeightsError, match=r"in another shape 1\d*, such as head\..*MODEL.INIT_FRESH \[.*head\]"):
        start_from_run(network(2, HEAD={"NAME": "ban", "HIDDEN": 16}), plain[1])
    with pytest.raises(ConfigError, match=r"there is no slot .haed.; there are .*head"):
        start_from_run(network(2), plain[1], ["haed"])
