"""Official checkpoints to ours: every rule, both directions, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from siamtrack.config import load, loads
from siamtrack.contracts import Crop
from siamtrack.models import build_network
from siamtrack.models import convert as conversion
from siamtrack.models.convert import convert, map_state
from siamtrack.models.official import SYSTEMS, Rule, System
from siamtrack.models.weights import WeightsError, read_weights
from tests.external import external
from tests.fixtures.parity import seeded

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def official() -> State:
    about, _ = seeded.load("siamban_r50_l234", external("PARITY"))
    return {name: torch.from_numpy(value) for name, value in seeded.state_dict(about).items()}


@pytest.fixture(scope="module")
def own() -> State:
    return build_network(load()).state_dict()


def test_every_key_of_both_sides_is_used(official: State, own: State) -> None:
    result = map_state(official, own, "siamban")
    assert result.problems == ()
    assert result.state.keys() == own.keys()
    assert result.counts() == {"kept": 321, "renamed": 138}
    assert len({row.ours for row in result.rows}) == len(result.rows) == 459
    for row in result.rows:
        assert torch.equal(result.state[row.ours], official[row.official])


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("backbone.layer3.0.downsample.0.weight", "backbone.layer3.0.downsample.0.weight"),
        ("neck.downsample2.downsample.0.weight", "neck.levels.0.conv.weight"),
        ("neck.downsample4.downsample.1.running_var", "neck.levels.2.bn.running_var"),
        ("head.box2.cls.conv_kernel.0.weight", "correlations.0.cls.template.conv.weight"),
        ("head.box3.loc.conv_kernel.1.bias", "correlations.1.loc.template.bn.bias"),
        ("head.box4.cls.conv_search.0.weight", "correlations.2.cls.search.conv.weight"),
        ("head.box2.loc.conv_search.1.num_batches_tracked", "correlations.0.loc.search.bn.num_batches_tracked"),
        ("head.box3.cls.head.0.weight", "head.levels.1.cls.conv.weight"),
        ("head.box3.cls.head.1.running_mean", "head.levels.1.cls.bn.running_mean"),
        ("head.box4.loc.head.3.bias", "head.levels.2.loc.out.bias"),
        ("head.loc_scale", "head.loc_scale"),
        ("head.box2.loc.head.2.weight", None),
        ("rpn_head.cls_weight", None),
    ],
)
def test_rules(theirs: str, ours: str | None) -> None:
    assert SYSTEMS["siamban"].rename(theirs) == ours


# of models with one level, of which no fixture holds a state, and of the up-channel head, held without its prefix
WITHOUT_FIXTURE = {
    "siamrpnpp": {
        "neck.downsample.downsample.0.weight",
        *(f"rpn_head.cls.{part}.0.weight" for part in ("conv_kernel", "conv_search", "head")),
        *(f"rpn_head.{part}.weight" for part in ("template_cls_conv", "loc_adjust")),
    }
}


def recorded_names(system: str) -> set[str]:
    """The official names that the system's fixtures hold."""
    names = set(WITHOUT_FIXTURE.get(system, ()))
    for file in external("PARITY").glob(f"{system}*.json"):
        about = json.loads(file.read_text())
        for part in ("state", "tensors"):
            names |= {row[0] for row in about.get(part, [])}
    return names


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_rule_is_idle(system: str) -> None:
    names = recorded_names(system)
    for rule in SYSTEMS[system].rules:
        alone = dataclasses.replace(SYSTEMS[system], rules=(rule,))
        assert any(alone.rename(name) for name in names), f"no official name is for {rule.official}"


def test_a_file_becomes_a_checkpoint_that_needs_nothing_else(official: State, tmp_path: Path) -> None:
    file, output = tmp_path / "model.pth", tmp_path / "siamban.safetensors"
    prefixed = {f"module.{name}": tensor for name, tensor in official.items()}
    torch.save({"epoch": 15, "state_dict": prefixed, "optimizer": {"lr": np.float64(0.1)}}, file)
    cfg = load(None, ("SEED", "5"))
    report = convert(file, cfg, output)
    assert report.summary() == "siamban: 459 official tensors: 321 kept, 138 renamed"
    assert len(str(report).splitlines()) == 460

    back = read_weights(output)
    assert back.meta["converted_from"] == "model.pth"
    assert back.meta["official_epoch"] == "15"
    assert len(back.meta["sha256"]) == 64
    again = loads(back.config, "the checkpoint")
    assert again == cfg
    build_network(again).load_state_dict(back.state, strict=True)
    assert torch.equal(back.state["head.levels.2.loc.out.bias"], official["head.box4.loc.head.3.bias"])


def without(name: str) -> Callable[[State], State]:
    return lambda state: {k: v for k, v in state.items() if k != name}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without("head.loc_scale"), r"missing: head\.loc_scale"),
        (lambda s: {**s, "mask_head.weight": torch.zeros(1)}, r"unknown: mask_head\.weight \(no rule knows it\)"),
        (lambda s: {**s, "backbone.fc.bias": torch.zeros(1)}, r"unknown: backbone\.fc\.bias \(would be backbone\.fc"),
        (lambda s: {**s, "head.cls_weight": torch.zeros(5)}, r"misshapen: head\.cls_weight \(\[5\], but .* \[3\]"),
        (lambda s: {"weight": torch.zeros(1)}, r"missing: and \d+ more"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_nothing_written(
    official: State, tmp_path: Path, change: Callable[[State], State], sentence: str
) -> None:
    file, output = tmp_path / "model.pth", tmp_path / "ours.safetensors"
    torch.save({"state_dict": change(official)}, file)
    with pytest.raises(WeightsError, match=sentence) as caught:
        convert(file, load(), output)
    assert str(file) in str(caught.value)
    assert not output.exists()


def test_another_configuration_is_refused(official: State, tmp_path: Path) -> None:
    torch.save(official, tmp_path / "model.pth")
    with pytest.raises(WeightsError, match="Is the configuration the one"):
        convert(
            tmp_path / "model.pth", load(None, ("MODEL.BACKBONE.USED_LAYERS", "[2, 3]")), tmp_path / "o.safetensors"
        )


def test_counters_that_old_files_lack_are_zero(official: State, own: State) -> None:
    old = {name: tensor for name, tensor in official.items() if "num_batches_tracked" not in name}
    result = map_state(old, own, "siamban")
    assert result.problems == ()
    assert result.counts()["set to 0"] == len(official) - len(old) == 53 + 3 + 3 * 2 * 3
    assert int(result.state["neck.levels.0.bn.num_batches_tracked"]) == 0


def test_ignored_keys_are_listed_with_their_reason_and_names_claimed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = System(
        source="nobody/toy",
        rules=(Rule(r"(?P<name>[ab])\.w", "w"),),
        ignored={r"old\..+": "the network never runs it"},
    )
    monkeypatch.setitem(conversion.SYSTEMS, "toy", toy)
    tensor = torch.ones(1)
    result = map_state({"old.x": tensor, "a.w": tensor, "b.w": tensor}, {"w": tensor}, "toy")
    assert [(row.what, row.official, row.note) for row in result.rows] == [
        ("ignored", "old.x", "the network never runs it"),
        ("renamed", "a.w", "[1]"),
        ("claimed twice", "b.w", ""),
    ]
    assert conversion.best_conversion({"a.w": tensor}, {"w": tensor}).system == "toy"


def test_converted_weights_compute_what_the_original_computed(official: State) -> None:
    """Names of equal shape (template and search, cls and loc, levels) could be exchanged unseen otherwise."""
    about, stored = seeded.load("siamban_r50_l234", external("PARITY"))
    case = about["cases"]["forward_eval"]
    network = build_network(load()).eval()
    network.load_state_dict(map_state(official, network.state_dict(), "siamban").state)
    crops = []
    for which, side in (("template", 127), ("search", 255)):
        bgr = np.stack([seeded.image(name, side, side) for name in case["inputs"][which]])
        crops.append(Crop(torch.from_numpy(bgr[..., ::-1].copy()).permute(0, 3, 1, 2)))
    with torch.no_grad():
        prediction = network((crops[0],), crops[1])
    cls = stored["forward_eval/cls"]
    assert seeded.error(prediction.logit.numpy(), cls[:, 1] - cls[:, 0]) <= case["tolerance"]["default"]
    assert seeded.error(prediction.ltrb.numpy(), stored["forward_eval/loc"]) <= case["tolerance"]["default"]
