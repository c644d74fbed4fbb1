"""What the camera does to a scene: shake, changing light, blur and sensor noise."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import cv2
import numpy as np

from siamtrack.data.synthetic.motion import wander

_NOISE_SPARE = 32  # px by which the sheet of noise is larger than a frame, so that no two frames share its place

_NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)])  # quantiles, far cheaper than draws


@dataclass(frozen=True, eq=False)
class Lens:
    """A camera over time.

    Attributes:
        shake: ``[T, 2]`` float64 px by which everything is displaced.
        gain: ``[T, 3]`` float64 factor per RGB channel.
        gamma: ``[T]`` float64 exponent of the tone curve.
        slope: ``[T]`` float64 relative difference of light across the frame.
        ramp: ``[H, W, 1]`` float32 -0.5..0.5, the direction of that difference.
        blur: standard deviation in px, 0 for none.
        noise: ``[H + spare, W + spare, 3]`` int16, sensor noise.
        grains: ``[T, 2]`` where in it each frame starts, x, y.
    """

    shake: np.ndarray
    gain: np.ndarray
    gamma: np.ndarray
    slope: np.ndarray
    ramp: np.ndarray
    blur: float
    noise: np.ndarray
    grains: np.ndarray

    def expose(self, image: np.ndarray, t: int) -> np.ndarray:
        """Frame ``t`` as the camera records it, ``[H, W, 3]`` uint8 RGB."""
        height, width = image.shape[:2]
        levels = np.linspace(0, 1, 256)[:, None] ** self.gamma[t] * self.gain[t] * 255
        image = cv2.LUT(image, np.clip(np.round(levels), 0, 255).astype(np.uint8)[None])
        if self.blur > 0:
            image = cv2.GaussianBlur(image, (0, 0), self.blur)
        x, y = self.grains[t]
        light = 1 + np.float32(self.slope[t]) * self.ramp
        image = cv2.multiply(image, np.broadcast_to(light, image.shape), dtype=cv2.CV_8U)
        recorded: np.ndarray = cv2.add(image, self.noise[y : y + height, x : x + width], dtype=cv2.CV_8U)
        return recorded


def random_lens(rng: np.random.Generator, times: np.ndarray, height: int, width: int) -> Lens:
    """A camera for frames at ``times`` of ``height`` x ``width`` px."""
    shaky = rng.choice([0.0, 1.0, 3.0])
    shake = np.stack([wander(rng, times, shaky, 12.0), wander(rng, times, shaky, 12.0)], -1)
    shake += np.clip(rng.normal(0, 0.25 * shaky, (len(times), 2)), -shaky, shaky)
    flicker = rng.choice([0.0, 0.1, 0.3])
    gain = rng.uniform(0.75, 1.15) * np.exp(wander(rng, times, flicker, 40.0))[:, None]
    gain = gain * np.exp(np.stack([wander(rng, times, flicker / 4, 60.0) for _ in range(3)], -1))
    gamma = np.exp(rng.uniform(-0.2, 0.2) + wander(rng, times, flicker / 2, 50.0))
    slope = rng.choice([0.0, 0.4]) + wander(rng, times, flicker * 2, 50.0)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    ramp = np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5)
    quantiles = np.rint(_NORMAL * rng.choice([0.5, 2.0, 4.0])).astype(np.int16)
    draws = rng.integers(0, 256, (height + _NOISE_SPARE, width + _NOISE_SPARE, 3), np.uint8)
    return Lens(
        shake=shake,
        gain=gain,
        gamma=gamma,
        slope=slope,
        ramp=ramp[..., None].astype(np.float32),
        blur=float(rng.choice([0.0, 0.0, 0.6, 1.0])),
        noise=quantiles.take(draws),
        grains=rng.integers(0, _NOISE_SPARE, (len(times), 2)),
    )
