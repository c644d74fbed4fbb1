"""Smooth motion in closed form: functions of time that can be asked at any set of instants.

Times are float64 ``[T]`` in frames of the underlying motion. Closed form means that a training sequence may pick
few, widely spaced instants of a motion without computing what lies between.
"""

from __future__ import annotations

import numpy as np


def wander(rng: np.random.Generator, times: np.ndarray, amplitude: float, period: float) -> np.ndarray:
    """A smooth value within +-``amplitude``: three sinusoids of about ``period`` frames and shorter.

    Returns:
        ``[T]`` float64.
    """
    periods = period * np.array([1.0, 0.55, 0.3]) * rng.uniform(0.8, 1.25, 3)
    weights = np.array([0.6, 0.28, 0.12])
    phases = rng.uniform(0, 2 * np.pi, 3)
    value: np.ndarray = amplitude * (weights * np.sin(2 * np.pi * times[:, None] / periods + phases)).sum(-1)
    return value


def roam(rng: np.random.Generator, times: np.ndarray, speed: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Two coordinates in 0..1: straight on with detours, turning softly where the room ends.

    Args:
        rng: start, direction and detours.
        times: ``[T]`` frames.
        speed: px per frame, x and y, signed.
        room: px that 0..1 stands for, x and y.

    Returns:
        ``[T, 2]`` float64.
    """
    detour = np.stack([wander(rng, times, 0.12, 50.0), wander(rng, times, 0.12, 50.0)], -1)
    way = rng.uniform(0, 2, 2) + times[:, None] * speed / np.maximum(room, 1) + detour
    # a triangle wave with rounded tips: arcsin(k sin) is one, 0.97 rounds it
    tip = 0.97
    folded: np.ndarray = 0.5 + np.arcsin(tip * np.sin(np.pi * (way - 0.5))) / (2 * np.arcsin(tip))
    return folded


def reach(axes: np.ndarray, outline: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far a shape reaches from its centre at every instant.

    Args:
        axes: ``[T, 2, 2]`` matrices that take the unit square to px.
        outline: ``[N, 2]`` vertices in the unit square.

    Returns:
        ``[T, 2]`` least and ``[T, 2]`` greatest x, y in px relative to the centre.
    """
    points = np.einsum("tij,nj->tni", axes, outline)
    return points.min(1), points.max(1)


def turning_axes(width: np.ndarray, height: np.ndarray, angle: np.ndarray, shear: np.ndarray) -> np.ndarray:
    """``[T, 2, 2]``: stretch to ``width`` x ``height`` px, shear, turn by ``angle`` rad; all arguments ``[T]``."""
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    stretch = np.zeros((len(width), 2, 2))
    stretch[:, 0, 0], stretch[:, 0, 1], stretch[:, 1, 1] = width, shear * height, height
    axes: np.ndarray = rotation @ stretch
    return axes
