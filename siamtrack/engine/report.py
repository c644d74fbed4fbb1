"""What one step tells: its loss terms and whether it went wrong, agreed by all processes and read without waiting.

Everything is gathered in one small tensor on the device: one all-reduce, and one copy to the host that is read after
the next step has been queued. No decision of a step passes through the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from siamtrack.engine.distributed import Processes


@dataclass(frozen=True)
class Outcome:
    """A finished step, on the host.

    Attributes:
        step: finished steps of the run, this one included.
        terms: mean of each loss term over the samples of the step, all processes.
        gradient_norm: total norm before clipping.
        group_norms: the same for each parameter group.
        skipped: the step changed nothing.
        fault: why, as half a sentence; empty for a good step, and for the overflows by which fp16 finds its scale.
        own_fault: a micro-batch of this process was the reason, or it is not known whose was.
        stop: a process was asked to stop.
    """

    step: int
    terms: dict[str, float]
    gradient_norm: float
    group_norms: dict[str, float]
    skipped: bool
    fault: str
    own_fault: bool
    stop: bool

    @property
    def loss(self) -> float:
        return sum(self.terms.values())


class StepReport:
    """Collects a step's losses and faults on the device.

    Args:
        step: finished steps of the run once this one is done.
        limit: a micro-batch with a larger loss is a fault.
    """

    def __init__(self, step: int, limit: float) -> None:
        self.step = step
        self.limit = limit
        self.names: list[str] = []
        self._values: list[Tensor] = []

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Note the terms of a micro-batch.

        Raises:
            ValueError: a term is not a scalar, or the names differ from those of the micro-batch before.
        """
        for name, value in terms.items():
            if value.ndim:
                raise ValueError(f"loss term {name!r} has shape {tuple(value.shape)}; a term is one number, a mean.")
        if self.names and self.names != list(terms):
            raise ValueError(f"loss terms are {list(terms)}, but were {self.names} in the micro-batch before.")
        self.names = list(terms)
        self._values.append(torch.stack([value.detach().float() for value in terms.values()]))

    def agree(self, processes: Processes, stop: bool = False) -> Tensor:
        """Join the reports of all processes; how many micro-batches were at fault, a scalar on the device.

        Args:
            stop: this process was asked to stop; the outcome tells all of them.
        """
        values = torch.stack(self._values)  # [micro-batches, terms]
        infinite = ~values.isfinite()
        large = ~infinite.any(1) & ~(values.sum(1) <= self.limit)
        self._own = torch.cat([infinite.sum(0), large.sum(0, keepdim=True)]).float()
        means = values.mean(0) / processes.world
        stops = self._own.new_full((1,), float(stop))
        joined = processes.add_up(torch.cat([stops, means, self._own]))
        self._stops, self._means, self._faults = joined.split([1, len(means), len(self._own)])
        faults: Tensor = self._faults.sum()
        return faults

    def close(self, norms: Tensor, skipped: Tensor, gradient_fault: Tensor, groups: Sequence[str]) -> None:
        """Add what came of the gradients, and start the copy to the host.

        Args:
            norms: ``[1 + groups]``: of the whole gradient, then of each group's.
        """
        self.groups = list(groups)
        flags = torch.stack([skipped.float(), gradient_fault.float()])
        self._reading = Reading(torch.cat([self._stops, flags, norms.float(), self._means, self._faults, self._own]))

    @property
    def deferred(self) -> bool:
        """Whether reading would wait for the device, so that it had better be done a step later."""
        return self._reading.event is not None

    def read(self) -> Outcome:
        """The outcome; waits until the device has come to the end of this step."""
        terms, groups = len(self.names), len(self.groups)
        flags, norms, means, faults, own = _split(self._reading.values(), 3, 1 + groups, terms, terms + 1)
        stops, skipped, gradient_fault = flags
        fault = _sentence(self.names, faults, self.limit)
        if not fault and gradient_fault:
            fault = f"the gradient is not finite (norm {norms[0]}), though every loss term is"
        return Outcome(
            step=self.step,
            terms=dict(zip(self.names, means, strict=True)),
            gradient_norm=norms[0],
            group_norms=dict(zip(self.groups, norms[1:], strict=True)),
            skipped=bool(skipped),
            fault=fault,
            own_fault=bool(sum(own)) or (bool(fault) and not sum(faults)),
            stop=bool(stops),
        )


class Reading:
    """A copy of a small tensor on its way to the host."""

    def __init__(self, values: Tensor) -> None:
        self.event: torch.cuda.Event | None = None
        self._host = values
        if values.is_cuda:
            self._host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._host.copy_(values, non_blocking=True)
            self.event = torch.cuda.Event()
            self.event.record()

    def values(self) -> list[float]:
        if self.event is not None:
            self.event.synchronize()
        return [float(value) for value in self._host.tolist()]


def _split(values: Sequence[float], *lengths: int) -> list[list[float]]:
    parts, start = [], 0
    for length in (*lengths, len(values) - sum(lengths)):
        parts.append(list(values[start : start + length]))
        start += length
    return parts


def _sentence(names: Sequence[str], faults: Sequence[float], limit: float) -> str:
    infinite = [f"loss term {name!r} is not finite" for name, count in zip(names, faults[:-1], strict=True) if count]
    large = [f"the loss is above TRAIN.SKIP_ABOVE {limit:g}"] if faults[-1] else []
    return " and ".join(infinite + large) + (f" ({int(max(faults))} micro-batches)" if infinite or large else "")
