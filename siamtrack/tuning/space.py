"""What is searched: keys of a tracker's section, and the values they may take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from siamtrack.config import ConfigError

USUAL = {  # what pysot's family is searched for, where a tracker has it
    "window_influence": (0.1, 0.6),
    "penalty_k": (0.0, 0.3),
    "lr": (0.1, 0.7),
}
DIGITS = 4  # finer settings cannot be told apart by any validation set


@dataclass(frozen=True)
class Range:
    """The values of one key.

    Attributes:
        key: ``TRACK.LR``.
        low: smallest number; unused with ``choices``.
        high: largest number.
        log: whether equal factors, not equal differences, are equally likely.
        choices: words to choose from in place of numbers.
    """

    key: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers, as both ends are."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def draw(self, rng: np.random.Generator) -> Any:
        """One value at random."""
        if self.choices:
            return self.choices[int(rng.integers(len(self.choices)))]
        if self.log:
            return self.rounded(math.exp(rng.uniform(math.log(self.low), math.log(self.high))))
        if self.whole:
            return int(rng.integers(int(self.low), int(self.high) + 1))
        return self.rounded(rng.uniform(self.low, self.high))

    def rounded(self, value: float) -> float | int:
        """A value with as many digits as matter, inside the range."""
        if self.whole:
            return round(value)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def __str__(self) -> str:
        if self.choices:
            return f"{self.key}={','.join(self.choices)}"
        return f"{self.key}={self.low:g}:{self.high:g}{':log' if self.log else ''}"


def parse_range(text: str) -> Range:
    """``TRACK.LR=0.1:0.5``, ``TRACK.LR=0.01:1:log``, ``TRACK.SCALES=1:5`` (whole numbers), ``TRACK.FUSION=sum,convex``.

    Raises:
        ConfigError: not such a text, an empty range, or a key that is fixed by training.
    """
    key, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not key or not values:
        raise ConfigError(f"--range {text!r}: should be KEY=LOW:HIGH or KEY=a,b, such as TRACK.LR=0.1:0.5.")
    if not key.startswith("TRACK.") or key == "TRACK.NAME":
        raise ConfigError(
            f"--range {text!r}: only options of the tracker are searched (TRACK.LR, ...); everything else belongs to "
            "the network and to how it was trained."
        )
    if ":" not in values:
        choices = tuple(value.strip() for value in values.split(","))
        if len(set(choices)) < 2 or not all(choices):
            raise ConfigError(f"--range {text!r}: two or more different values are needed, or LOW:HIGH.")
        return Range(key, choices=choices)
    return _numbers(text, key, values.split(":"))


def _numbers(text: str, key: str, parts: Sequence[str]) -> Range:
    log = parts[2:] == ["log"]
    try:
        low, high = (_number(part) for part in parts[:2])
    except ValueError:
        raise ConfigError(f"--range {text!r}: {parts[0]!r} and {parts[1]!r} should be numbers.") from None
    if len(parts) > 2 + log or not (math.isfinite(low) and math.isfinite(high) and low < high) or (log and low <= 0):
        raise ConfigError(
            f"--range {text!r}: should be LOW:HIGH with LOW below HIGH, or LOW:HIGH:log with LOW above 0."
        )
    return Range(key, low, high, log)


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def usual_ranges(options: Sequence[str]) -> list[Range]:
    """Window, penalty and smoothing, as far as a tracker has them.

    Args:
        options: names of its options.

    Raises:
        ConfigError: it has none of them.
    """
    found = [Range(f"TRACK.{name.upper()}", *ends) for name, ends in USUAL.items() if name in options]
    if not found:
        raise ConfigError(f"this tracker has none of {', '.join(USUAL)}; name what to search by --range KEY=LOW:HIGH.")
    return found


def pairs(values: dict[str, Any]) -> tuple[str, ...]:
    """``{"TRACK.LR": 0.3}`` -> ``("TRACK.LR", "0.3")``."""
    return tuple(word for key, value in values.items() for word in (key, str(value)))
