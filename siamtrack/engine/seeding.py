"""Random numbers as a function of seed, step and process.

Every step seeds the generators anew. A run that goes on from a checkpoint therefore draws what the uninterrupted run
would have drawn, with any number of processes, and no generator's state needs to be kept.
"""

from __future__ import annotations

import os
import random

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices) alike: before the model is built."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed everything for one step of one process; ``step`` counts from the start of the run."""
    mixed = int(np.random.SeedSequence([seed % 2**63, step, rank]).generate_state(1, np.uint64)[0])
    random.seed(mixed)
    np.random.seed(mixed % 2**32)
    # torch.manual_seed also leaves word, with a stack trace, for every kind of device not in use: ten times dearer
    torch.default_generator.manual_seed(mixed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed(mixed)


def deterministic(wanted: bool) -> None:
    """Ask torch for kernels that give the same numbers every time, where they exist; else for the fastest."""
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(wanted, warn_only=True)
    torch.backends.cudnn.deterministic = wanted
    torch.backends.cudnn.benchmark = not wanted
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
