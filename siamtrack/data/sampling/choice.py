"""STARK's rules for the frames of a sample, as functions of one track and a source of random numbers.

A ``Draw`` gives the next number in [0, 1). The rules ask for them in the order in which the original asks Python's
``random``, and choose as ``random.choices`` does (number times count, rounded down), so that equal numbers give equal
frames (STARK ``lib/train/data/sampler.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from siamtrack.data.mixture import Track

Draw = Callable[[], float]
T = TypeVar("T")

_WIDER = 5  # frames by which a gap grows when nothing lies in it
_ROUNDS = 1000  # before a track is given up


class NoChoice(LookupError):
    """A track has no frames that fit a rule."""


def choose(items: Sequence[T] | np.ndarray, draw: Draw) -> T:
    """One of the items, uniformly."""
    chosen: T = items[int(draw() * len(items))]
    return chosen


def choose_shown(track: Track, low: int, high: int, draw: Draw) -> int | None:
    """A frame in ``low .. high - 1`` that shows the target, or ``None`` without drawing if there is none."""
    first, last = np.searchsorted(track.shown, (low, high))
    return int(choose(track.shown[first:last], draw)) if first < last else None


def choose_any(track: Track, low: int, high: int, draw: Draw) -> int | None:
    """A frame in ``low .. high - 1`` of the track, whatever it shows, or ``None`` without drawing."""
    low, high = max(low, 0), min(high, len(track))
    return int(choose(range(low, high), draw)) if low < high else None


def causal(track: Track, gap: int, draw: Draw) -> tuple[int, int]:
    """A template, and a search frame less than ``gap`` frames after it; the gap grows while nothing lies in it.

    Raises:
        NoChoice: no two frames of the track show the target.
    """
    for wider in range(0, _ROUNDS * _WIDER, _WIDER):
        template = choose_shown(track, 0, len(track) - 1, draw)
        if template is None:
            break
        search = choose_shown(track, template + 1, template + gap + wider, draw)
        if search is not None:
            return template, search
    raise NoChoice


def trident(
    track: Track, gaps: Sequence[int], draw: Draw, dynamic: Callable[[Track, int, int, Draw], int | None]
) -> tuple[int, ...]:
    """A template and a search frame anywhere, and between them, near the search frame, a dynamic template per gap.

    With the template behind the search frame, the dynamic ones lie behind it as well, or are the search frame itself.

    Args:
        track: the frames.
        gaps: frames, one for each dynamic template.
        draw: random numbers.
        dynamic: which frames a dynamic template may be: :func:`choose_shown`, or :func:`choose_any` (trident_pro).

    Returns:
        template, dynamic templates, search.

    Raises:
        NoChoice: the track has no such frames.
    """
    for _ in range(_ROUNDS):
        template = choose_shown(track, 0, len(track), draw)
        search = choose_shown(track, 0, len(track), draw)
        if template is None or search is None:
            break
        between = []
        for gap in gaps:
            low, high = (search, search + gap) if template >= search else (search - gap, search)
            frame = dynamic(track, low, high, draw)
            if frame is None:
                break
            between.append(frame)
        else:
            return (template, *between, search)
    raise NoChoice
