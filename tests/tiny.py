"""A SiamBAN that trains and tracks in seconds, for tests of whole commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from siamtrack import config
from siamtrack.models import build_network
from siamtrack.models.weights import save_weights

TINY: dict[str, Any] = {
    "MODEL": {
        "BACKBONE": {"NAME": "convnet", "WIDTHS": [8, 8, 8], "STRIDES": [2, 2, 2]},
        "NECK": {"OUT": 8},
        "CORRELATION": {"HIDDEN": 8},
        "HEAD": {"HIDDEN": 8},
    },
    "CROP": {"TEMPLATE_SIZE": 63, "SEARCH_SIZE": 127, "AREA_SIZE": 255},
    "DATA": {
        "SETS": [{"NAME": "got10k", "SPLIT": "train", "FRAME_RANGE": 5}],
        "SAMPLES_PER_EPOCH": 8,
        "AUGMENT": {"SEARCH": {"SHIFT": 16.0}},
        "WORKERS": 0,
    },
    "TRAIN": {"EPOCHS": 2, "BATCH": 4, "OPTIMIZER": {"NAME": "sgd", "LR": 0.01}},
}


def tiny_checkpoint(path: Path, seed: int = 0) -> Path:
    """Its weights, drawn at random, as a file."""
    cfg = config.load(overrides=[word for item in TINY.items() for word in item])
    torch.manual_seed(seed)
    save_weights(path, build_network(cfg).state_dict(), config.dump(cfg), {"name": "tiny"})
    return path
