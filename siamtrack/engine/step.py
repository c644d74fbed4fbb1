"""The part of a step that costs time: forward and backward of its micro-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from siamtrack.engine.learner import Learner
from siamtrack.engine.report import StepReport
from siamtrack.engine.task import Task


def add_gradients(
    task: Task, learner: Learner, micro_batches: Iterator[Any], passes: int, report: StepReport
) -> list[Any]:
    """Add up the gradients of ``passes`` micro-batches, the last of which exchanges them between processes.

    Returns:
        The micro-batches.
    """
    batches = []
    for part in range(passes):
        batch = next(micro_batches)
        with learner.synchronised(part == passes - 1):
            with learner.autocast():
                terms = task.losses(learner.wrapped, batch)
            learner.backward(torch.stack(list(terms.values())).sum())
        report.add(terms)
        batches.append(batch)
    return batches
