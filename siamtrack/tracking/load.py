"""From a configuration or a weights file to a tracker."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from siamtrack.config import ConfigError, loads, override
from siamtrack.crops import crop_policies
from siamtrack.models import SiameseNetwork, build_network
from siamtrack.models.folding import fold
from siamtrack.models.weights import Weights, read_weights
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
    checkpoint: str | os.PathLike[str],
    device: torch.device | str | None = None,
    overrides: Sequence[str] = (),
    fast: bool = False,
) -> Tracker:
    """A tracker from a weights file, which carries its configuration.

    Args:
        checkpoint: a ``.safetensors`` file that training or ``siamtrack convert`` wrote.
        device: ``None``: the GPU if there is one.
        overrides: ``KEY VALUE`` pairs, for instance ``("TRACK.PENALTY_K", "0.05")``.
        fast: fold batch norm into convolutions and lay maps out with channels last: on a CPU up to twice as fast, and
            equal but for rounding, which in time can tip one of two nearly equal cells.

    Raises:
        ValueError: the file is missing, truncated, not such a file, or does not fit its own configuration.
    """
    loaded = load_network(checkpoint, overrides)
    if fast:
        quicken(loaded.network)
    tracker = build_tracker(loaded.cfg, loaded.network, device or ("cuda" if torch.cuda.is_available() else "cpu"))
    tracker.name = loaded.name
    return tracker


def quicken(network: SiameseNetwork) -> None:
    """Make a network faster for tracking alone, in place; what ``load_tracker(..., fast=True)`` does."""
    fold(network.eval().requires_grad_(False).to(memory_format=torch.channels_last))


@dataclass(frozen=True)
class Loaded:
    """What a weights file holds: its configuration, the network with its weights, and what its tracker is called."""

    cfg: Any
    network: SiameseNetwork
    name: str


def load_network(checkpoint: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Loaded:
    """The network of a weights file, on the CPU; otherwise as :func:`load_tracker`."""
    path = Path(checkpoint)
    weights = read_weights(path)
    cfg = override(loads(weights.config, str(path)), overrides)
    load_plugins(cfg.PLUGINS)
    network = build_network(cfg)
    try:
        missing, unexpected = network.load_state_dict(weights.state, strict=False)
    except RuntimeError as error:  # other sizes, which strict=False does not let pass
        differing = [line.strip() for line in str(error).splitlines()[1:]]
        raise ConfigError(
            f"{path}: its weights do not fit its configuration: {len(differing)} of another size (first: "
            f"{' '.join(differing[:1])})"
        ) from error
    if missing or unexpected:
        raise ConfigError(
            f"{path}: its weights do not fit its configuration: {len(missing)} missing (first: {missing[:3]}), "
            f"{len(unexpected)} unknown (first: {unexpected[:3]})."
        )
    return Loaded(cfg, network, _name(weights, path))


def tracker_name(checkpoint: str | os.PathLike[str]) -> str:
    """What the tracker of a weights file is called.

    Raises:
        ValueError: the file is missing, damaged, or not one of ours.
    """
    return _name(read_weights(checkpoint), Path(checkpoint))


def _name(weights: Weights, path: Path) -> str:
    return f"{weights.meta['name']}-{path.stem}" if "name" in weights.meta else path.stem
