"""Outlines of things: closed polygons whose bounding box is exactly the unit square around the origin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

VERTICES = 72


def _rectangle(rng: np.random.Generator) -> np.ndarray:
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)


def _superellipse(rng: np.random.Generator) -> np.ndarray:
    """From an ellipse (exponent 2) to a rectangle with rounded corners."""
    power = 2 / rng.choice([2.0, 2.0, 3.0, 4.0, 8.0])
    angle = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], -1)
    outline: np.ndarray = np.sign(circle) * np.abs(circle) ** power
    return outline


def _polygon(rng: np.random.Generator) -> np.ndarray:
    """A polygon of 3 to 7 corners on a circle, its corners cut 0 to 3 times (Chaikin)."""
    count = int(rng.integers(3, 8))
    angle = rng.uniform(0, 2 * np.pi) + 2 * np.pi / count * (np.arange(count) + rng.uniform(-0.25, 0.25, count))
    outline = np.stack([np.cos(angle), np.sin(angle)], -1)
    for _ in range(int(rng.integers(0, 4))):
        following = np.roll(outline, -1, 0)
        outline = np.stack([0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following], 1).reshape(-1, 2)
    return outline


def _blob(rng: np.random.Generator) -> np.ndarray:
    """A circle whose radius swings."""
    angle = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    order = np.arange(2, 7)
    swing = rng.uniform(0, 0.7, 5) / order
    radius = 1 + (swing[:, None] * np.cos(order[:, None] * angle + rng.uniform(0, 2 * np.pi, (5, 1)))).sum(0)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)


def _cross(rng: np.random.Generator) -> np.ndarray:
    """A plus, T or L: what is neither round nor filling its box."""
    a, b = rng.uniform(0.3, 0.6, 2)
    left, right, top = rng.choice([[1.0, 1.0, 1.0], [1.0, 1.0, b], [a, 1.0, 1.0]])
    corners = [(-a, -top), (a, -top), (a, -b), (right, -b), (right, b), (a, b)]
    corners += [(a, 1), (-a, 1), (-a, b), (-left, b), (-left, -b), (-a, -b)]
    return np.array(corners)


SHAPES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "rectangle": _rectangle,
    "superellipse": _superellipse,
    "polygon": _polygon,
    "blob": _blob,
    "cross": _cross,
}


def random_outline(rng: np.random.Generator) -> np.ndarray:
    """``[N, 2]`` float64 vertices x, y, filling the square -0.5 .. 0.5 exactly."""
    outline = SHAPES[str(rng.choice(list(SHAPES), p=[0.2, 0.3, 0.2, 0.2, 0.1]))](rng)
    low, high = outline.min(0), outline.max(0)
    return np.asarray((outline - low) / (high - low) - 0.5, np.float64)


def bar() -> np.ndarray:
    """``[4, 2]`` the square itself; drawn long and thin it is a pole."""
    return 0.5 * _rectangle(np.random.default_rng(0))
