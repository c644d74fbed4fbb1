"""Before anything else, all processes of a job must find and hear each other, within a time and with a plain word."""

from __future__ import annotations

import datetime
import os
import socket
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

# between steps: long enough for a validation on the main process, for which the others wait
TIMEOUT = datetime.timedelta(hours=1)


class JobError(ValueError):
    """The processes of a job do not find or hear each other; the message says who waits for whom, and why perhaps."""


def join(rank: int, world: int, device: torch.device, patience: float) -> None:
    """Form the process group and add up a number over all of it.

    Args:
        patience: seconds for the processes to come, and again for the sum.

    Raises:
        JobError: they do not.
    """
    limit = datetime.timedelta(seconds=patience)
    backend = "nccl" if device.type == "cuda" else "gloo"
    who = f"process {rank} of {world} on {socket.gethostname()}"
    address = f"{os.environ.get('MASTER_ADDR', '?')}:{os.environ.get('MASTER_PORT', '?')}"
    try:
        store, _, _ = next(rendezvous("env://", rank, world, timeout=limit))
        store = _fresh(store, world)
        _roll_call(store, rank, world, limit)
        bound = device if device.type == "cuda" else None
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=TIMEOUT, device_id=bound)
    except (RuntimeError, ValueError) as error:
        raise JobError(
            f"{who} did not meet all others at {address} within {patience:g} s (TRAIN.PREFLIGHT): {_first(error)}. "
            f"Start all {world} of them with the same MASTER_ADDR and MASTER_PORT, and see that this port of the first "
            "machine can be reached from the others."
        ) from error
    probe = torch.full((1,), float(rank + 1), device=device)
    try:
        dist.all_reduce(probe, async_op=True).wait(limit)
        heard = float(probe)
    except RuntimeError as error:
        raise JobError(
            f"{who} found the others, but the first sum over all of them ({backend}) did not come within "
            f"{patience:g} s (TRAIN.PREFLIGHT): {_first(error)}. Machines may talk through the wrong network: set "
            f"{'NCCL_SOCKET_IFNAME, and NCCL_DEBUG=INFO to see more' if backend == 'nccl' else 'GLOO_SOCKET_IFNAME'}."
        ) from error
    if heard != world * (world + 1) / 2:
        raise JobError(
            f"{who}: the ranks of all processes add up to {heard - world:g}, not to {world * (world - 1) // 2}; two "
            "processes have the same RANK."
        )


def _fresh(store: Any, world: int) -> Any:
    """A part of the store that no earlier start of the job has written to.

    torchrun keeps its store when it starts processes again, after a failure (which it counts) or because a machine came
    or went (which it does not): addresses of processes that are gone still stand there.
    """
    restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    start = f"siamtrack/{restarts}/{world}"
    generation = (store.add(f"{start}/arrivals", 1) - 1) // world
    return dist.PrefixStore(f"{start}/{generation}", store)  # type: ignore[attr-defined, unused-ignore]


def _roll_call(store: Any, rank: int, world: int, limit: datetime.timedelta) -> None:
    """Wait until every rank has said that it is here; names those that have not."""
    places = {other: f"siamtrack/here/{other}" for other in range(world)}
    store.set(places[rank], "")
    try:
        store.wait(list(places.values()), limit)
    except RuntimeError as error:
        missing = [str(other) for other, place in places.items() if not store.check([place])]
        raise RuntimeError(f"of ranks 0 to {world - 1}, {', '.join(missing)} did not") from error


def _first(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__
