"""No loss of RBO makes the host wait for the device: by the operations it runs, and on CUDA by its own debug mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from siamtrack.contracts import Anchors, Points, Targets
from siamtrack.losses.cross_entropy import BalancedCrossEntropy
from siamtrack.losses.ranking_classification import ClassificationRanking
from siamtrack.losses.ranking_iou import IouRankingByScore, ScoreRankingByIou

# operations by which the host reads a device tensor, or that need a tensor's values to know a shape; a boolean index
# shows as index.Tensor, which no loss needs for anything else
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal.default", "is_nonzero", "index.Tensor")
TERMS = {
    "cross_entropy": BalancedCrossEntropy(negatives=48),
    "ranking_classification": ClassificationRanking(),
    "ranking_score_by_iou": ScoreRankingByIou(gamma=5.0),
    "ranking_iou_by_score": IouRankingByScore(gamma=5.0),
}
SIZES = ((104.0, 32.0), (64.0, 64.0), (32.0, 96.0))
Step = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def maps(kind: type, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, box maps, labels and target boxes of a batch of 4."""
    draw = torch.Generator().manual_seed(0)
    shape = (4, 9, 9) if kind is Points else (4, 3, 9, 9)
    logit = torch.randn(shape, generator=draw)
    box_map = torch.rand((4, 4, *shape[1:]), generator=draw)
    label = torch.randint(-1, 2, shape, generator=draw).to(torch.int8)
    box = torch.tensor([[90.0, 95, 165, 160]]).expand(4, 4).clone()
    given = logit.to(device), box_map.to(device), label.to(device), box.to(device)
    predicted(kind, given[0], given[1]).boxes()  # grids are made once per process and kept
    return given


def predicted(kind: type, logit: Tensor, box_map: Tensor) -> Points | Anchors:
    return Points(logit, 40 * box_map, 255, 8) if kind is Points else Anchors(logit, box_map, SIZES, 255, 8)


def step(kind: type, loss: Callable) -> Step:
    """Forward and backward as one function of tensors."""

    def run(logit: Tensor, box_map: Tensor, label: Tensor, box: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logit, box_map = logit.detach().requires_grad_(), box_map.detach().requires_grad_()
        targets = Targets(box, torch.ones(4, dtype=torch.bool, device=box.device), label)
        value = loss(predicted(kind, logit, box_map), targets)
        return (value, *torch.autograd.grad(value, (logit, box_map), materialize_grads=True))

    return run


class Trace(TorchDispatchMode):
    """Notes every operation, those inside of autograd and of Python's own conversions included."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations.append(str(function))
        return function(*args, **(kwargs or {}))


def traced(run: Step, *given: Tensor) -> list[str]:
    """The operations of forward and backward."""
    with Trace() as trace:
        run(*given)
    return trace.operations


def waits(operations: list[str]) -> list[str]:
    return [operation for operation in operations if any(wait in operation for wait in WAITS)]


@pytest.mark.parametrize("kind", [Points, Anchors])
@pytest.mark.parametrize("name", TERMS)
def test_no_operation_makes_the_host_wait(name, kind):
    operations = traced(step(kind, TERMS[name]), *maps(kind))
    assert len(operations) > 20
    assert not waits(operations)


@pytest.mark.parametrize(
    ("loss", "operation"),
    [
        (lambda prediction, targets: prediction.logit[targets.label == 1].mean(), "index.Tensor"),
        (lambda prediction, targets: prediction.logit.sum() * float(targets.box.sum()), "_local_scalar_dense"),
        (lambda prediction, targets: prediction.logit.sum() * bool((targets.label == 1).any()), "_local_scalar_dense"),
    ],
    ids=["boolean index", "item", "branch"],
)
def test_the_inspection_would_see_one(loss, operation):
    found = waits(traced(step(Points, loss), *maps(Points)))
    assert any(operation in name for name in found), found


def test_the_number_of_operations_does_not_grow_with_the_batch():
    run = step(Points, TERMS["ranking_iou_by_score"])
    logit, box_map, label, box = maps(Points)
    doubled = (torch.cat([t, t]) for t in (logit, box_map, label, box))
    assert len(traced(run, logit, box_map, label, box)) == len(traced(run, *doubled))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="counts on a CUDA device, and there is none")
@pytest.mark.parametrize("kind", [Points, Anchors])
@pytest.mark.parametrize("name", TERMS)
def test_cuda_counts_no_synchronisation(name, kind):
    given = maps(kind, "cuda")
    run = step(kind, TERMS[name])
    run(*given)  # allocations and kernels of the first call
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        run(*given)
        with pytest.raises(RuntimeError, match="synchroniz"):
            given[0].sum().item()
    finally:
        torch.cuda.set_sync_debug_mode("default")
