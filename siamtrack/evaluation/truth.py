"""What is known of a sequence: boxes, and which frames count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of one sequence, in the numbers of the benchmark's own annotation file.

    Attributes:
        name: of the sequence.
        boxes: ``[F, 4]`` float64 x, y, w, h; NaN or zeros where the file has them.
        visible: ``[F]`` bool, or ``None`` where the benchmark does not say.
        cover: ``[F]`` GOT-10k's ``cover.label`` 0..8, or ``None``.
        resolution: (width, height) of the frames in px; GOT-10k needs it.
        attributes: names of the challenges this sequence is tagged with.

    Raises:
        ValueError: boxes, ``visible`` or ``cover`` have the wrong shape.
    """

    name: str
    boxes: Array
    visible: Mask | None = None
    cover: NDArray | None = None
    resolution: tuple[int, int] | None = None
    attributes: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes, np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or not len(boxes):
            raise ValueError(f"Sequence {self.name}: true boxes should be [frames, 4], these are {list(boxes.shape)}.")
        object.__setattr__(self, "boxes", boxes)
        for name in ("visible", "cover"):
            flags = getattr(self, name)
            if flags is not None and np.shape(flags) != (len(boxes),):
                raise ValueError(
                    f"Sequence {self.name}: {name} should have one entry for each of {len(boxes)} frames, "
                    f"it has shape {list(np.shape(flags))}."
                )


def attributes_of(truths: Sequence[Truth]) -> dict[str, frozenset[str]]:
    """Every attribute, and the names of the sequences that have it."""
    return {
        tag: frozenset(truth.name for truth in truths if tag in truth.attributes)
        for tag in sorted(frozenset().union(*(truth.attributes for truth in truths)))
    }
