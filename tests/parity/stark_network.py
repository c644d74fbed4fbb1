"""What the STARK parity tests share: networks with the fixtures' weights, and the fixtures' crops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from siamtrack import config
from siamtrack.contracts import Crop
from siamtrack.models import SiameseNetwork, build_network
from siamtrack.models.convert import map_state

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = {"stark_s50": "s50", "stark_st50": "st50_stage2", "stark_st101": "st101_stage2"}


def stark_cfg(system: str, *pairs: str, stage: int = 2) -> Any:
    """The system's configuration; of ST's two stages the last one unless told."""
    name = CONFIGS[system] if stage == 2 else CONFIGS[system].removesuffix("_stage2")
    return config.load(ROOT / "configs" / "stark" / f"{name}.yaml", pairs)


def loaded(cfg: Any, seeded: Any, about: dict[str, Any]) -> tuple[SiameseNetwork, dict[str, str]]:
    """A network with the fixture's weights, through the converter's rules, and our name of every official tensor."""
    network = build_network(cfg)
    official = {name: torch.from_numpy(np.asarray(value)) for name, value in seeded.state_dict(about).items()}
    conversion = map_state(official, network.state_dict(), "stark")
    assert not conversion.problems, conversion.problems[:3]
    assert conversion.state.keys() == network.state_dict().keys()
    network.load_state_dict(conversion.state)
    return network, {row.official: row.ours for row in conversion.rows}


def crops(seeded: Any, rows: list[dict[str, Any]]) -> Crop:
    """A batch of the fixture's pictures, black where their margins ``[left, top, right, bottom]`` are padding."""
    pixels, masks = [], []
    for row in rows:
        size, (left, top, right, bottom) = row["size"], row["pad"]
        mask = np.ones((size, size), bool)
        mask[top : size - bottom, left : size - right] = False
        picture = seeded.image(row["image"], size, size, row["smooth"]).copy()
        picture[mask] = 0
        pixels.append(picture.transpose(2, 0, 1))
        masks.append(mask)
    return Crop(torch.from_numpy(np.stack(pixels)), mask=torch.from_numpy(np.stack(masks)))


class Watched:
    """Keeps what modules of a network give, in lists: one entry per call."""

    def __init__(self, network: SiameseNetwork, names: list[str]) -> None:
        self.outputs: dict[str, list[Any]] = {name: [] for name in names}
        modules = dict(network.named_modules())
        for name in names:
            modules[name].register_forward_hook(
                lambda _, __, out, name=name: self.outputs[name].append(out)  # type: ignore[misc]
            )

    def __getitem__(self, name: str) -> list[Any]:
        return self.outputs[name]
