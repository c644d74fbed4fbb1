"""Pairs of frames of one track, some of them of two videos: pysot's sampling."""

from __future__ import annotations

import numpy as np

from siamtrack.config import ConfigError
from siamtrack.data import streams
from siamtrack.data.mixture import Mixture
from siamtrack.data.sampling.registry import FrameDraw, samplers


@samplers.register("pairs")
class PairSampler:
    """A template and a search frame of one track, or of two videos (pysot ``datasets/dataset.py``).

    Args:
        mixture: what is drawn from.
        negative: probability that the search frame is any frame of any set. It may show the same target by chance.
        fixed_list: use the same NUM_USE videos of each set in all rounds, as the original does.
        ordered: two different frames wherever a track has them, the template before the search (siamfc-pytorch
            ``siamfc/datasets.py``).

    Raises:
        ConfigError: ``negative`` is no probability.
    """

    WORDS = 8
    templates = 1

    def __init__(
        self, mixture: Mixture, *, negative: float = 0.2, fixed_list: bool = False, ordered: bool = False
    ) -> None:
        if not 0 <= negative <= 1:
            raise ConfigError(f"DATA.SAMPLER.NEGATIVE: {negative} is a probability; it should be from 0 to 1.")
        self.mixture = mixture
        self.negative = negative
        self.fixed_list = fixed_list
        self.ordered = ordered

    def draw(self, first: int, words: np.ndarray) -> FrameDraw:
        """See :class:`Sampler`."""
        videos = self.mixture.turns(first, len(words), self.fixed_list)
        template = self.mixture.any_row(videos, words[:, 0:2])
        near = self.mixture.row_near(template, words[:, 2], other=self.ordered)
        if self.ordered:
            template, near = np.minimum(template, near), np.maximum(template, near)
        elsewhere = self.mixture.any_row(self.mixture.any_video(words[:, 3:5]), words[:, 5:7])
        present = streams.uniform(words[:, 7]) >= self.negative
        return FrameDraw((template,), np.where(present, near, elsewhere), present)
