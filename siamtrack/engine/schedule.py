"""Learning rate schedules: epoch to a factor on every group's base rate.

By default the rate is constant within an epoch, as pysot and STARK have it; ``BY: step`` lets it move with every step.
A warm-up rises from ``WARMUP_START`` towards 1, or stays there, and does not reach it: the curve itself begins after
it. ``log`` and ``cosine`` stretch over the epochs after the warm-up; ``step`` and ``multistep`` count epochs from the
start of the run.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from siamtrack.config import ConfigError
from siamtrack.registry import Registry


@dataclass
class Schedule:
    """Warm-up, then ``curve``.

    Args:
        epochs: of the whole run.
        warmup: epochs of it; fractions make sense with ``by="step"``.
        warmup_start: factor at the very beginning.
        warmup_curve: "log": equal ratios (pysot's "step" warm-up of step 1), "linear": equal differences, "constant":
            ``warmup_start`` throughout.
        by: "epoch": constant within an epoch; "step": moves every step.
    """

    epochs: int
    _: KW_ONLY
    warmup: float = 0.0
    warmup_start: float = 0.2
    warmup_curve: Literal["log", "linear", "constant"] = "log"
    by: Literal["epoch", "step"] = "epoch"

    def __post_init__(self) -> None:
        if self.warmup < 0 or self.warmup_start <= 0:
            raise ConfigError(
                f"TRAIN.SCHEDULE: WARMUP is {self.warmup:g} epochs from factor WARMUP_START {self.warmup_start:g}; "
                "epochs must not be negative, and the factor must be above 0."
            )

    def factor(self, epoch: int, within: float = 0.0) -> float:
        """The factor in ``epoch`` (0-based), ``within`` in [0, 1) of the way through it."""
        at = epoch + (within if self.by == "step" else 0.0)
        if at >= self.warmup:
            return self.curve(at)
        if self.warmup_curve == "constant":
            return self.warmup_start
        share = at / self.warmup
        if self.warmup_curve == "log":
            return float(self.warmup_start ** (1 - share))
        return self.warmup_start + (1 - self.warmup_start) * share

    def curve(self, at: float) -> float:
        """The factor ``at`` that many epochs after the start, the warm-up being over."""
        raise NotImplementedError

    def share(self, at: float) -> float:
        """How much of the run after the warm-up has passed, 0..1; the last epoch is 1 where rates hold for an epoch."""
        length = self.epochs - self.warmup - (1 if self.by == "epoch" else 0)
        return min((at - self.warmup) / length, 1.0) if length > 0 else 0.0


schedules: Registry[Schedule] = Registry("schedule", "TRAIN.SCHEDULE")


@schedules.register("constant")
@dataclass
class Constant(Schedule):
    """Factor 1."""

    def curve(self, at: float) -> float:
        return 1.0


@schedules.register("log")
@dataclass
class Log(Schedule):
    """Equal ratios from 1 down to ``end``, both ends included (pysot, ``utils/lr_scheduler.py``)."""

    _: KW_ONLY
    end: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.end > 0:
            raise ConfigError(f"TRAIN.SCHEDULE.END is {self.end:g}; equal ratios lead to a factor above 0.")

    def curve(self, at: float) -> float:
        return float(self.end ** self.share(at))


@schedules.register("cosine")
@dataclass
class Cosine(Schedule):
    """Half a cosine from 1 down to ``end``, both ends included (Loshchilov and Hutter, SGDR, without restarts)."""

    _: KW_ONLY
    end: float = 0.0

    def curve(self, at: float) -> float:
        return self.end + (1 - self.end) * (1 + math.cos(math.pi * self.share(at))) / 2


@schedules.register("step")
@dataclass
class Step(Schedule):
    """Times ``gamma`` after every ``every`` epochs (STARK: 400 and 0.1)."""

    _: KW_ONLY
    every: int = 10
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.every < 1:
            raise ConfigError(f"TRAIN.SCHEDULE.EVERY is {self.every}; a step schedule drops every 1 or more epochs.")

    def curve(self, at: float) -> float:
        return float(self.gamma ** (at // self.every))


@schedules.register("multistep")
@dataclass
class MultiStep(Schedule):
    """Times ``gamma`` at each of the epochs ``at_epochs``."""

    _: KW_ONLY
    at_epochs: tuple[float, ...] = ()
    gamma: float = 0.1

    def curve(self, at: float) -> float:
        return float(self.gamma ** bisect.bisect_right(sorted(self.at_epochs), at))
