"""siamtrack: a research training framework for Siamese trackers.

>>> import siamtrack
>>> tracker = siamtrack.load_tracker("checkpoint.safetensors")
>>> tracker.init(first_frame, (x, y, w, h))
>>> result = tracker.update(next_frame)        # result.box, result.score

Frames are RGB uint8 arrays ``[H, W, 3]``; boxes are x, y, w, h in frame pixels, 0-based.
Names are handed on lazily, so that ``import siamtrack.evaluation`` stays free of torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "load_tracker": "siamtrack.tracking",
    "Tracker": "siamtrack.tracking",
    "Result": "siamtrack.tracking",
    "load_config": "siamtrack.config",
    "build_network": "siamtrack.models",
    "open_dataset": "siamtrack.data.readers",
    "Sequence": "siamtrack.data.sequence",
}

__all__ = ["__version__", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        module = importlib.import_module(_LAZY[name])
        return getattr(module, "load" if name == "load_config" else name)
    raise AttributeError(f"module 'siamtrack' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
