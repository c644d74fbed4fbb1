"""Every file under ``configs/``: it resolves, its parts fit, and its network learns and tracks. New files take part."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from siamtrack import config
from siamtrack.crops import crop_policies
from siamtrack.data.readers import datasets
from siamtrack.data.sampling import samplers
from siamtrack.engine.distributed import Processes
from siamtrack.engine.learner import Learner
from siamtrack.engine.task import Shard
from siamtrack.losses import Criterion
from siamtrack.models import SiameseNetwork, build_network
from siamtrack.models.slots import backbones
from siamtrack.registry import load_plugins
from siamtrack.targets import labellers
from siamtrack.tracking import build_tracker
from tests.combination import batch, track, train

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
FILES = sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*.yaml"))
FIRST = {name.split("/")[0]: name for name in reversed(FILES)}  # one of each folder


def load(name: str) -> Any:
    cfg = config.load(CONFIGS / name)
    load_plugins(cfg.PLUGINS)
    return cfg


@functools.cache
def whole(sections: str) -> SiameseNetwork:
    """The network of ``MODEL`` and ``CROP`` as it is, on the ``meta`` device; many files share one."""
    with torch.device("meta"):
        return build_network(config.loads(sections, "the test"))


class Recorded(nn.Module):
    """In a backbone's place: maps that it gave once, for any batch, times a number that learns in its stead."""

    def __init__(self, channels: tuple[int, ...], stride: int, maps: dict[int, list[Tensor]]) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride
        self.gain = nn.Parameter(torch.ones(len(channels)))
        for size, levels in maps.items():
            for i, level in enumerate(levels):
                self.register_buffer(f"of_{size}_{i}", level, persistent=False)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        given = (self.get_buffer(f"of_{pixels.shape[-1]}_{i}") * gain for i, gain in enumerate(self.gain))
        return [level.repeat(-(-len(pixels) // 2), 1, 1, 1)[: len(pixels)] for level in given]


@functools.cache
def recorded(section: str, sizes: frozenset[int]) -> tuple[tuple[int, ...], int, dict[int, list[Tensor]]]:
    """What a backbone gives for noise and its mirror image, at each size, scaled to unit deviation."""
    torch.manual_seed(0)
    backbone = backbones.build(config.loads(section, "the test").MODEL.BACKBONE)
    maps = {}
    with torch.no_grad():
        for size in sizes:
            noise = torch.randn(1, 3, size, size)
            levels = backbone(torch.cat([noise, noise.flip(-1)]))
            maps[size] = [level / level.std() for level in levels]
    return backbone.channels, backbone.stride, maps


@pytest.mark.parametrize("name", FILES)
def test_it_resolves_and_its_parts_fit(name):
    """Everything is built as ``siamtrack train`` builds it, but without arithmetic and without data."""
    assert (CONFIGS / name).read_text(encoding="utf-8").startswith("# "), "a comment says where it comes from"
    cfg = load(name)
    network = whole(config.dump({"MODEL": cfg.MODEL, "CROP": cfg.CROP}))
    makes = network.head.makes
    assert makes in labellers.build(cfg.TARGETS).serves
    Criterion(cfg.LOSSES, makes)
    tracker = build_tracker(cfg, network, device="meta")
    assert network.max_templates is None or tracker.templates <= network.max_templates
    assert cfg.DATA.SETS, "it says what it trains on"
    for section in cfg.DATA.SETS:
        assert section["NAME"] in datasets
    samplers.options(samplers.get(cfg.DATA.SAMPLER.NAME), cfg.DATA.SAMPLER)
    shard = Shard.plan(cfg.TRAIN.BATCH, cfg.TRAIN.DEVICE_BATCH, 0, 1)
    learner = Learner(cfg.TRAIN, network, Processes(0, 1, torch.device("cpu")), shard)
    for phase in learner.phases:
        learner.enter(phase.start)
        assert all(rate > 0 for rate in learner.begin_step(phase.start, 0.0).values())


def behind_recorded_maps(cfg, monkeypatch):
    """The network of a configuration behind a backbone whose maps were computed once for all files, and two pairs."""
    policy = crop_policies.build(cfg.CROP)
    sizes = frozenset({policy.template_size, policy.search_size, policy.train_search_size})
    given = recorded(config.dump({"MODEL": {"BACKBONE": cfg.MODEL.BACKBONE}}), sizes)
    monkeypatch.setattr(backbones, "build", lambda section: Recorded(*given))
    torch.manual_seed(0)
    network = build_network(cfg)
    templates = build_tracker(cfg, network).templates
    return network, batch(templates, sizes=(policy.template_size, policy.train_search_size))


@pytest.mark.parametrize("name", FILES)
def test_it_learns_and_tracks(name, monkeypatch):
    """A step on two pairs and three frames of noise."""
    cfg = load(name)
    network, pairs = behind_recorded_maps(cfg, monkeypatch)
    losses = train(cfg, network, [pairs])
    assert len(losses) == len(cfg.LOSSES)
    assert network.backbone.gain.grad is not None, "the losses do not reach the backbone"
    track(cfg, network)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIRST.values())
def test_the_whole_network_learns_and_tracks(name):
    """One file of each folder with its own backbone."""
    cfg = load(name)
    policy = crop_policies.build(cfg.CROP)
    torch.manual_seed(0)
    network = build_network(cfg)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # one step must do for the statistics that tracking runs on
    templates = build_tracker(cfg, network).templates
    train(cfg, network, [batch(templates, sizes=(policy.template_size, policy.train_search_size))])
    track(cfg, network, frames=1)
