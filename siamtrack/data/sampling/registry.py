"""What a sampler is: from the number of a sample and random words of its own to the frames that make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from siamtrack.registry import Registry


@dataclass(frozen=True, eq=False)
class FrameDraw:
    """The frames of B samples, as rows of the mixture.

    Attributes:
        templates: one ``[B]`` int64 array per template.
        search: ``[B]`` int64.
        present: ``[B]`` bool, False where the search frame was drawn without regard to the template's target.
        empty: ``[B]`` bool, True where the search frame shows nobody to put the crop around; ``None``: nowhere.
    """

    templates: tuple[np.ndarray, ...]
    search: np.ndarray
    present: np.ndarray
    empty: np.ndarray | None = None


class Sampler(Protocol):
    """What the loader asks of a sampler.

    Attributes:
        WORDS: random words a sample takes, a multiple of 4.
        templates: how many it draws per sample.
    """

    WORDS: ClassVar[int]
    templates: int

    def draw(self, first: int, words: np.ndarray) -> FrameDraw:
        """The frames of samples ``first .. first + B - 1``, counted from the beginning of training.

        Args:
            first: number of the first sample.
            words: ``[B, WORDS]`` uint64, the samples' own.
        """
        ...


samplers: Registry[Sampler] = Registry("sampler", "DATA.SAMPLER", package="siamtrack.data.sampling")
