"""A tracker put together from any parts and made to work: built, trained for some steps, and tracking some frames.

Parts come from the registries and are made small by the names of their options, so that new ones and those of plug-ins
take part without being known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.contracts import Anchors, Batch, Corners, Crop, FusedSpec, Points, Prediction, map_tensors
from siamtrack.losses import Criterion, terms
from siamtrack.models import SiameseNetwork, build_network
from siamtrack.models.slots import correlations, enhancers, heads
from siamtrack.registry import Registry, configurable
from siamtrack.targets import labellers
from siamtrack.tracking import build_tracker
from siamtrack.tracking.tracker import trackers

# 63 px give 7 cells, 127 px give 15; the last block is a second level of the same stride
CROP = {"NAME": "context", "TEMPLATE_SIZE": 63, "SEARCH_SIZE": 127}
BACKBONE = {"NAME": "convnet", "WIDTHS": [8, 8, 8, 8], "STRIDES": [2, 2, 2, 1]}
SMALL: dict[str, Any] = {
    "hidden": 8, "out": 8, "width": 8, "cls_width": 8, "loc_width": 8, "box_hidden": 8, "feedforward": 16,
    "depth": 1, "towers": 1, "encoder_layers": 1, "decoder_layers": 1, "heads": 2, "groups": 2, "reduction": 4,
    "template_cells": 7, "ratios": [0.5, 1.0, 2.0], "dropout": 0.0,
}  # fmt: skip
RANKINGS = ("ranking_classification", "ranking_score_by_iou", "ranking_iou_by_score")
USUAL: dict[type, tuple[str, ...]] = {
    Points: ("cross_entropy", "iou"),
    Anchors: ("cross_entropy", "weighted_l1"),
    Corners: ("giou", "l1"),
}


@dataclass(frozen=True)
class Combination:
    """Names of the three parts that are exchanged, and how many levels reach them."""

    correlation: str
    enhancer: str
    head: str
    levels: int = 1

    def __str__(self) -> str:
        return f"{self.correlation} x {self.enhancer} x {self.head}" + (" x 2 levels" if self.levels == 2 else "")

    @property
    def makes(self) -> type[Prediction]:
        """What its head makes."""
        return heads.get(self.head).makes

    def spec(self) -> FusedSpec:
        """What its correlation gives the head; refused by the correlation itself: nothing."""
        branch = heads.get(self.head).branches[0]
        try:
            return correlations.build(self._correlation(), channels=8, branch=branch).spec
        except ConfigError:
            return FusedSpec(0)

    def config(self, **head_options: Any) -> Any:
        """Its configuration; a head that can score a decoder's answer does so where there is one."""
        score = {"score": True} if self.spec().target else {}
        return resolved(
            MODEL={
                "BACKBONE": {**BACKBONE, "USED_LAYERS": [3, 4][-self.levels :]},
                "NECK": {"NAME": "adjust", "OUT": 8, "TEMPLATE_CELLS": 7},
                "ENHANCER": small(enhancers, self.enhancer),
                "CORRELATION": self._correlation(),
                "HEAD": small(heads, self.head, **score, **head_options),
            },
            CROP=CROP,
            TARGETS={"NAME": serving(labellers, self.makes)[0]},
            TRACK={"NAME": serving(trackers, self.makes)[0]},
        )

    def _correlation(self) -> dict[str, Any]:
        # of a correlation that answers in the head's place
        anchors = len(SMALL["ratios"]) if self.makes is Anchors else 1
        return small(correlations, self.correlation, anchors=anchors)


def resolved(**sections: Any) -> Any:
    """A configuration with sections of it given."""
    return config.load(overrides=[word for item in sections.items() for word in item])


def small(registry: Registry[Any], name: str, **further: Any) -> dict[str, Any]:
    """A section that names a part, with as few channels and layers as it can be told to have."""
    options = configurable(registry.get(name))
    return {"NAME": name, **{k.upper(): v for k, v in {**SMALL, **further}.items() if k in options}}


def serving(registry: Registry[Any], makes: type[Prediction]) -> list[str]:
    """Names of the labellers, terms or trackers for a kind of prediction."""
    return [name for name in registry if makes in registry.get(name).serves]


def loss_sets(makes: type[Prediction]) -> list[tuple[str, ...]]:
    """The usual losses of a kind, those with ranking losses, and all that can judge it at once."""
    every = tuple(serving(terms, makes))
    usual = USUAL.get(makes, every)
    ranking = (*usual, *(name for name in RANKINGS if name in every))
    return list(dict.fromkeys([usual, ranking, every]))


def batch(
    templates: int, present: tuple[bool, bool] = (True, True), sizes: tuple[int, int] = (63, 127), seed: int = 0
) -> Batch:
    """Two random pairs with boxes around their centres.

    Args:
        templates: for each pair.
        present: for each pair, whether the search shows the target.
        sizes: sides of template and search, px.
        seed: of the pixels.
    """
    generator = torch.Generator().manual_seed(seed)

    def crop(size: int) -> Crop:
        pixels = torch.randint(0, 256, (2, 3, size, size), generator=generator, dtype=torch.uint8)
        box = torch.tensor([[0.3, 0.35, 0.7, 0.6], [0.25, 0.3, 0.6, 0.7]]) * size
        mask = torch.zeros(2, size, size, dtype=torch.bool)
        mask[..., : size // 8] = True
        return Crop(pixels, box, mask)

    crops = tuple(crop(sizes[0]) for _ in range(templates))
    return Batch(crops, crop(sizes[1]), torch.tensor(present), torch.arange(2))


def train(cfg: Any, network: SiameseNetwork, batches: Sequence[Batch]) -> dict[str, float]:
    """A step of plain gradient descent for each batch, as the tracking task does it.

    Returns:
        The last step's terms.

    Raises:
        AssertionError: a loss or a gradient is not finite, or no parameter moved.
    """
    labeller, criterion = labellers.build(cfg.TARGETS), Criterion(cfg.LOSSES, network.head.makes)
    learning = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, 1e-3)
    before = [p.detach().clone() for p in learning]
    network.train()
    losses: dict[str, torch.Tensor] = {}
    for given in batches:
        optimizer.zero_grad()
        prediction = network(given.templates, given.search)
        losses = criterion(prediction, labeller(prediction, given))
        torch.stack(list(losses.values())).sum().backward()
        assert all(loss.isfinite() for loss in losses.values()), losses
        assert all(p.grad is None or p.grad.isfinite().all() for p in learning)
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
    assert any(not torch.equal(new, old) for new, old in zip(learning, before, strict=True))
    return {name: float(loss.detach()) for name, loss in losses.items()}


def without_gradient(network: SiameseNetwork) -> list[str]:
    """Names of learning parameters that the last step did not reach."""
    return [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]


def track(cfg: Any, network: SiameseNetwork, frames: int = 3, shape: tuple[int, int] = (90, 120)) -> None:
    """Follow a box through random frames.

    Raises:
        AssertionError: a box or a score is none.
    """
    tracker = build_tracker(cfg, network)
    pixels = np.random.default_rng(0).integers(0, 256, (frames + 1, *shape, 3), dtype=np.uint8)
    tracker.init(pixels[0], (40, 30, 30, 20))
    for frame in pixels[1:]:
        result = tracker.update(frame)
        assert np.isfinite(result.box).all()
        assert min(result.box[2:]) > 0
        assert 0 <= result.score <= 1


def tensors(prediction: Prediction) -> list[torch.Tensor]:
    """Everything a prediction holds."""
    found: list[torch.Tensor] = []
    map_tensors(prediction, lambda t: found.append(t) or t)
    return found


def built(combination: Combination) -> tuple[Any, SiameseNetwork]:
    """Configuration and network, from a fixed seed.

    Raises:
        ConfigError: the parts do not go together.
    """
    cfg = combination.config()
    torch.manual_seed(0)
    return cfg, build_network(cfg)
