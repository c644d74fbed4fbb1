"""STARK's samplers: templates and a search frame of one track, in a temporal relation; and negatives for its score."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from siamtrack.config import ConfigError
from siamtrack.data import streams
from siamtrack.data.mixture import Mixture, Track
from siamtrack.data.sampling.choice import Draw, NoChoice, causal, choose, choose_any, choose_shown, trident
from siamtrack.data.sampling.registry import FrameDraw, samplers
from siamtrack.data.sequence import DataError

Sample = tuple[tuple[int, ...], bool, bool]  # rows of templates and search, is the target there, is there nobody

_SHORTEST = 20  # frames of a video that is used
_TRIES = 100  # tracks or frames drawn for one sample before the data are blamed


class TrackSampler:
    """What causal and trident sampling share: which tracks are used, and how one is drawn.

    The set is the one whose turn it is (``NUM_USE`` or ``WEIGHT`` set the shares); in it every track is as likely as
    any other, or with ``BY_CATEGORY`` every category, and in it every track. Of a video, more than twice as many frames
    as a sample has must show the target, and it must have 20 frames; a still image is always used, and all frames of a
    sample are then that image.

    Args:
        mixture: what is drawn from.
        templates: per sample.

    Raises:
        DataError: a set has no track that can be used.
    """

    WORDS = 32  # more are derived from the last one where a sample asks for more

    def __init__(self, mixture: Mixture, templates: int) -> None:
        self.mixture, self.templates = mixture, templates
        self.tracks: list[np.ndarray] = []
        self._categories: list[list[np.ndarray]] = []  # the same tracks, by category where the set is drawn so
        for part, mixed in enumerate(mixture.sets):
            tracks, shown, hidden = mixture.tracks_of(part)
            length = shown + hidden
            usable = (length == 1) | ((shown > 2 * (templates + 1)) & (length >= _SHORTEST))
            if not usable.any():
                raise DataError(
                    f"DATA.SETS, {mixed.index.name}: no video has {_SHORTEST} frames and more than "
                    f"{2 * (templates + 1)} that show the target, and there is no still image; this sampler needs them."
                )
            self.tracks.append(tracks[usable])
            known = mixture.category_of(self.tracks[part])
            self._categories.append([self.tracks[part][known == category] for category in np.unique(known)])

    def draw(self, first: int, words: np.ndarray) -> FrameDraw:
        """See :class:`siamtrack.data.sampling.Sampler`."""
        turns = self.mixture.set_of_video(self.mixture.turns(first, len(words)))
        samples = [self._sample(int(part), random_numbers(own)) for part, own in zip(turns, words, strict=True)]
        rows = np.array([rows for rows, _, _ in samples], np.int64)
        *templates, search = rows.T
        return FrameDraw(
            templates=tuple(templates),
            search=search,
            present=np.array([present for _, present, _ in samples]),
            empty=np.array([empty for _, _, empty in samples]),
        )

    def _sample(self, part: int, draw: Draw) -> Sample:
        for _ in range(_TRIES):
            categories = self._categories[part]
            number = int(choose(choose(categories, draw) if len(categories) > 1 else categories[0], draw))
            track = self.mixture.track(number)
            try:
                frames = (int(track.shown[0]),) * (self.templates + 1) if len(track) == 1 else self.frames(track, draw)
            except NoChoice:
                continue
            rows = tuple(track.row(frame) for frame in frames)
            if np.isfinite(self.mixture.boxes(np.array(rows))).all():
                return self.finish(number, track, rows, draw)
        raise DataError(
            f"DATA.SETS, {self.mixture.sets[part].index.name}: of {_TRIES} tracks drawn in a row none had the frames "
            "that this sampler needs."
        )

    def frames(self, track: Track, draw: Draw) -> tuple[int, ...]:
        """The templates' frames and the search frame of a video.

        Raises:
            NoChoice: it has no such frames.
        """
        raise NotImplementedError

    def finish(self, number: int, track: Track, rows: tuple[int, ...], draw: Draw) -> Sample:
        """The sample of these rows; another search frame may take the place of the drawn one."""
        return rows, True, False


@samplers.register("causal")
class CausalSampler(TrackSampler):
    """A template, and a search frame that comes after it (STARK-S).

    Args:
        mixture: what is drawn from.
        gap: the search frame comes less than so many frames after the template; more if nothing is visible there.

    Raises:
        ConfigError: ``gap`` is below 2.

    Source: STARK (Yan et al., ICCV 2021); ``lib/train/data/sampler.py``, mode causal with one template.
    """

    def __init__(self, mixture: Mixture, *, gap: int = 200) -> None:
        if gap < 2:
            raise ConfigError(f"DATA.SAMPLER.GAP: {gap} leaves no frame for the search; it should be 2 or more.")
        super().__init__(mixture, templates=1)
        self.gap = gap

    def frames(self, track: Track, draw: Draw) -> tuple[int, ...]:
        return causal(track, self.gap, draw)


@samplers.register("trident")
class TridentSampler(TrackSampler):
    """A template and a search frame anywhere in a video, and dynamic templates beside the search frame (STARK-ST).

    With ``negative`` above 0 (stage 2) so many samples have another search frame: one of the same video that does not
    show the target, cropped about its middle; where there is none, any frame of any other video, cropped about its own
    target. The original does not see to it that the video is another one.

    Args:
        mixture: what is drawn from.
        gaps: frames, one for each dynamic template, which lies less than so many from the search frame.
        negative: probability of a search frame without the target.

    Raises:
        ConfigError: an option out of range, or ``negative`` with a single video.

    Source: STARK (Yan et al., ICCV 2021); ``lib/train/data/sampler.py``, mode trident, and ``train_cls``.
    """

    dynamic: Callable[[Track, int, int, Draw], int | None] = staticmethod(choose_shown)

    def __init__(self, mixture: Mixture, *, gaps: tuple[int, ...] = (200,), negative: float = 0.0) -> None:
        if not gaps or min(gaps) < 1:
            raise ConfigError(f"DATA.SAMPLER.GAPS: {list(gaps)} should be frames, 1 or more for each dynamic template.")
        if not 0 <= negative <= 1:
            raise ConfigError(f"DATA.SAMPLER.NEGATIVE: {negative} is a probability; it should be from 0 to 1.")
        if negative and sum(part.index.videos for part in mixture.sets) < 2:
            raise ConfigError(
                "DATA.SAMPLER.NEGATIVE: negatives come from other videos, but there is only one in all sets."
            )
        super().__init__(mixture, templates=1 + len(gaps))
        self.gaps, self.negative = gaps, negative

    def frames(self, track: Track, draw: Draw) -> tuple[int, ...]:
        return trident(track, self.gaps, draw, type(self).dynamic)

    def finish(self, number: int, track: Track, rows: tuple[int, ...], draw: Draw) -> Sample:
        if not self.negative or draw() < 1 - self.negative:
            return rows, True, False
        if len(track.hidden):
            return (*rows[:-1], track.row(int(choose(track.hidden, draw)))), False, True
        return (*rows[:-1], self._elsewhere(number, draw)), False, False

    def _elsewhere(self, number: int, draw: Draw) -> int:
        """The row of a frame with a box, of another video."""
        mine = self.mixture.video_of(number)
        for _ in range(_TRIES):
            part = int(choose(range(len(self.mixture.sets)), draw))
            other = int(choose(self.mixture.tracks_of(part)[0], draw))
            track = self.mixture.track(other)
            row = track.row(int(choose(range(len(track)), draw)))
            if self.mixture.video_of(other) != mine and np.isfinite(self.mixture.boxes(np.array([row]))).all():
                return row
        raise DataError(f"DATA.SETS: of {_TRIES} frames drawn in a row none was of another video and had a box.")


@samplers.register("trident_pro")
class TridentProSampler(TridentSampler):
    """As :class:`TridentSampler`, but a dynamic template may be any frame with a box, also one that hides the target:
    so it is when a tracker renews its template. STARK-ST was trained with this one.
    """

    dynamic = staticmethod(choose_any)


def random_numbers(words: np.ndarray) -> Draw:
    """Numbers in [0, 1) without end: a sample's words ``[W]``, then a stream that the last of them keys."""
    return _numbers(words).__next__


def _numbers(words: np.ndarray) -> Iterator[float]:
    yield from streams.uniform(words).tolist()
    block = 0
    while True:
        yield from streams.uniform(streams.words(int(words[-1]), streams.SAMPLES, block, 1, len(words))[0]).tolist()
        block += 1
