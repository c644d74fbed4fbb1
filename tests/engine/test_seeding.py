"""Random numbers are a function of seed, step and process, and of nothing else."""

from __future__ import annotations

import itertools
import random

import numpy as np
import torch

from siamtrack.engine.seeding import seed_all, seed_step


def drawn() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_a_step_draws_the_same_whatever_went_before() -> None:
    seed_step(5, 17, 1)
    first = drawn()
    torch.rand(100), np.random.rand(3), random.random()
    seed_all(8)
    seed_step(5, 17, 1)
    assert drawn() == first


def test_seeds_steps_and_processes_differ() -> None:
    seen = []
    for seed, step, rank in itertools.product((1, 2), (0, 1, 2), (0, 1, 2)):
        seed_step(seed, step, rank)
        seen.append(drawn())
    for generator in zip(*seen, strict=True):
        assert len(set(generator)) == len(seen)


def test_any_whole_number_is_a_seed() -> None:
    for seed in (0, -1, 2**40, 2**64 - 1):
        seed_step(seed, 3, 0)
