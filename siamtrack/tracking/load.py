"""From a configuration or a weights file to a tracker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from siamtrack.config import ConfigError, loads, override
from siamtrack.crops import crop_policies
from siamtrack.models import SiameseNetwork, build_network
from siamtrack.models.weights import read_weights
from siamtrack.registry import load_plugins
from siamtrack.tracking.tracker import Tracker, trackers


def build_tracker(cfg: Any, network: SiameseNetwork | None = None, device: torch.device | str = "cpu") -> Tracker:
    """The tracker a configuration describes.

    Args:
        cfg: a resolved configuration.
        network: with weights; ``None``: a new one with initial values.
        device: where the network shall run.

    Raises:
        ConfigError: parts or options that do not exist or do not fit.
    """
    network = network if network is not None else build_network(cfg)
    kind = trackers.get(cfg.TRACK.NAME)
    served = getattr(kind, "serves", ())
    if network.head.makes not in served:
        raise ConfigError(
            f"TRACK: tracker {cfg.TRACK.NAME!r} reads {', '.join(k.__name__ for k in served)}, but the head "
            f"{cfg.MODEL.HEAD.NAME!r} makes {network.head.makes.__name__}."
        )
    return trackers.build(cfg.TRACK, network=network.to(device), policy=crop_policies.build(cfg.CROP))


def load_tracker(
    checkpoint: str | os.PathLike[str], device: torch.device | str | None = None, overrides: tuple[str, ...] = ()
) -> Tracker:
    """A tracker from a weights file, which carries its configuration.

    Args:
        checkpoint: a ``.safetensors`` file that training or ``siamtrack convert`` wrote.
        device: ``None``: the GPU if there is one.
        overrides: ``KEY VALUE`` pairs, for instance ``("TRACK.PENALTY_K", "0.05")``.

    Raises:
        ValueError: the file is missing, truncated, not such a file, or does not fit its own configuration.
    """
    path = Path(checkpoint)
    weights = read_weights(path)
    cfg = override(loads(weights.config, str(path)), overrides)
    load_plugins(cfg.PLUGINS)
    network = build_network(cfg)
    missing, unexpected = network.load_state_dict(weights.state, strict=False)
    if missing or unexpected:
        raise ConfigError(
            f"{path}: its weights do not fit its configuration: {len(missing)} missing (first: {missing[:3]}), "
            f"{len(unexpected)} unknown (first: {unexpected[:3]})."
        )
    tracker = build_tracker(cfg, network, device or ("cuda" if torch.cuda.is_available() else "cpu"))
    tracker.name = f"{weights.meta['name']}-{path.stem}" if "name" in weights.meta else path.stem
    return tracker
