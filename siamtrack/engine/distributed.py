"""Processes and devices: one command for none, one or many GPUs.

Started plainly, a run has one process; started by ``torchrun`` it has as many as that says, on CUDA with nccl where
there is CUDA, else on the CPU with gloo. A process that fails tells torchrun why and ends the whole job.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.elastic.multiprocessing.errors import get_error_handler
from torch.nn.parallel import DistributedDataParallel

from siamtrack.engine.preflight import join

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process among the others.

    Attributes:
        rank: 0..world - 1; 0 is the main process, which alone writes.
        world: number of processes.
        device: where this one computes.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def main(self) -> bool:
        return self.rank == 0

    def add_up(self, values: Tensor) -> Tensor:
        """Replace ``values`` by their sum over all processes; does not wait for the device."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def barrier(self) -> None:
        """Wait until every process is here."""
        if self.world > 1:
            dist.barrier()

    def decide(self, question: Callable[[], T]) -> T:
        """The answer of the main process, or its error, given to all of them."""
        answer: list[object] = [None, None]
        if self.main:
            try:
                answer[0] = question()
            except Exception as error:
                answer[1] = error
        if self.world > 1:
            dist.broadcast_object_list(answer, src=0)
        if isinstance(answer[1], Exception):
            raise answer[1]
        return answer[0]  # type: ignore[return-value]

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with gradients averaged over the processes; parameters and buffers start as the main one's.

        Only parameters that require a gradient now are synchronised: wrap again when that changes. From here on every
        process keeps its own statistics of batch norm; those of the main one are saved.
        """
        if self.world == 1:
            return model
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)
        return DistributedDataParallel(
            model,
            device_ids=[self.device.index] if self.device.type == "cuda" else None,
            gradient_as_bucket_view=True,
            **_NO_BUFFERS,
        )


@contextlib.contextmanager
def session(device: str | torch.device | None = None, patience: float = 300.0) -> Iterator[Processes]:
    """Join the other processes, if there are any, and leave them properly.

    Args:
        device: where to compute; ``None``: this process's GPU (as ``cuda``), or the CPU where there is none.
        patience: seconds within which all processes must have found and heard each other.

    Raises:
        JobError: they have not.
    """
    rank, world, local = (int(os.environ.get(key, default)) for key, default in _TORCHRUN)
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cuda":
        if device.index is None:  # set_device and DistributedDataParallel want one
            device = torch.device("cuda", local % torch.cuda.device_count())
        torch.cuda.set_device(device)
    joined = world > 1 and not dist.is_initialized()
    try:
        if joined:
            # this module keeps the group that exists while it is imported (defaults of its functions), and wrapping a
            # model imports it: gloo's threads would then outlive the group and now and then abort the interpreter as it
            # ends
            importlib.import_module("torch.distributed.nn")
            join(rank, world, device, patience)
        yield Processes(rank, world, device)
    except SystemExit:  # all processes agreed to end here
        if joined:
            _leave()
        raise
    except Exception as error:
        # the others may wait in a collective for ever: no barrier and no farewell here, torchrun ends them
        if world > 1:
            log.error("process %d of %d ends the job: %s", rank, world, error)
            get_error_handler().record_exception(error)
        raise
    if joined:
        _leave()


def _leave() -> None:
    dist.barrier()
    dist.destroy_process_group()


# newer releases of torch give the option another name
_NEWER = "forward_sync_buffers" in inspect.signature(DistributedDataParallel.__init__).parameters
_NO_BUFFERS: dict[str, Any] = {"forward_sync_buffers" if _NEWER else "broadcast_buffers": False}
_TORCHRUN = (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
