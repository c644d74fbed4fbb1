"""Learning rates: pysot's numbers, and the laws of every curve."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamtrack.config import ConfigError
from siamtrack.engine.schedule import schedules


def factors(name: str, epochs: int, **options: object) -> list[float]:
    section = {"NAME": name, **{key.upper(): value for key, value in options.items()}}
    schedule = schedules.build(section, epochs=epochs)
    return [schedule.factor(epoch) for epoch in range(epochs)]


def test_step_drops_as_stark_does() -> None:
    assert factors("step", 500, every=400) == [1.0] * 400 + [0.1] * 100


def test_multistep_drops_at_its_epochs() -> None:
    assert factors("multistep", 6, at_epochs=[4, 2], gamma=0.5) == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_linear_warm_up() -> None:
    rising = factors("constant", 6, warmup=4, warmup_start=0.2, warmup_curve="linear")
    assert rising == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])


@given(
    name=st.sampled_from(["log", "cosine"]),
    epochs=st.integers(2, 60),
    warmup=st.integers(0, 20),
    end=st.floats(1e-4, 0.9),
)
def test_curves_fall_from_one_to_their_end(name: str, epochs: int, warmup: int, end: float) -> None:
    curve = factors(name, epochs + warmup, end=end, warmup=warmup)
    assert curve[warmup] == pytest.approx(1)
    assert curve[-1] == pytest.approx(end)
    assert all(a < b for a, b in itertools.pairwise(curve[: warmup + 1]))
    assert all(a > b for a, b in itertools.pairwise(curve[warmup:]))


@given(epochs=st.integers(1, 30), at=st.floats(0, 1, exclude_max=True))
def test_by_step_the_rate_moves_within_an_epoch_and_meets_the_next(epochs: int, at: float) -> None:
    schedule = schedules.build({"NAME": "cosine", "BY": "step"}, epochs=epochs)
    for epoch in range(epochs):
        assert schedule.factor(epoch, at) <= schedule.factor(epoch)
        assert schedule.factor(epoch, 1 - 1e-12) == pytest.approx(schedule.factor(epoch + 1), abs=1e-9)
    assert schedule.factor(epochs) == pytest.approx(0, abs=1e-12)


def test_wrong_options_are_sentences() -> None:
    with pytest.raises(ConfigError, match="WARMUP_START 0;"):
        factors("log", 5, warmup=2, warmup_start=0)
    with pytest.raises(ConfigError, match="EVERY is 0"):
        factors("step", 5, every=0)
    with pytest.raises(ConfigError, match="END is 0; equal ratios lead to a factor above 0"):
        factors("log", 5, end=0.0)
    with pytest.raises(ConfigError, match="WARMUP_CURVE"):
        factors("log", 5, warmup_curve="steep")
