"""Our trackers in the got10k toolkit's experiments."""

from __future__ import annotations

from typing import Any

import numpy as np
from got10k.trackers import Tracker as Got10kTracker

from siamtrack.tracking.tracker import Tracker


class Got10kAdapter(Got10kTracker):  # type: ignore[misc]
    """A siamtrack tracker as ``got10k.experiments`` expects one.

    >>> from got10k.experiments import ExperimentGOT10k
    >>> ExperimentGOT10k("data/GOT-10k", subset="val").run(Got10kAdapter(siamtrack.load_tracker("our.safetensors")))

    Args:
        tracker: ours.
        name: under which the toolkit files the results; ``None``: the tracker's own.
    """

    def __init__(self, tracker: Tracker, name: str | None = None) -> None:
        super().__init__(name=name or tracker.name, is_deterministic=True)
        self.tracker = tracker

    def init(self, image: Any, box: Any) -> None:
        """The toolkit hands over a PIL image and x, y, w, h."""
        self.tracker.init(np.asarray(image.convert("RGB")), box)

    def update(self, image: Any) -> np.ndarray:
        """``[4]`` x, y, w, h."""
        return np.array(self.tracker.update(np.asarray(image.convert("RGB"))).box)
