"""RBO's ranking losses against the loop over images and pairs that their formulas suggest.

    python benchmarks/rbo_loss.py --json benchmarks/results/rbo_loss.json

Both start from the same fused maps of 28 images (the batch recorded in ``tests/fixtures/parity``, ``cr_bench`` and
``igr_bench`` of ``siampw_rbo``: labels as a data loader makes them, every fifth pair a negative one) and end with the
gradients of both maps, on one CPU thread. Before anything is timed, values and gradients of the two are held against
each other, and the values against the recorded ones. Rounds alternate between the two; times are medians of rounds, in
milliseconds of CPU time, which what else the machine does hardly touches.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from record import row, write
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from siamtrack.contracts import Points, Targets
from siamtrack.losses.ranking_classification import ClassificationRanking
from siamtrack.losses.ranking_iou import IouRankingByScore, ScoreRankingByIou

GAMMA = 5.0
FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "parity"
Losses = Callable[[Tensor, Tensor], list[Tensor]]


class Batch:
    """The recorded batch: maps, labels, boxes, and what the losses should be."""

    def __init__(self) -> None:
        sys.path.insert(0, str(FIXTURES))
        import seeded

        about, stored = seeded.load("siampw_rbo", FIXTURES)
        self.logits = torch.tensor(2 * seeded.uniform("rbo/bench/logits", (28, 2, 25, 25)), dtype=torch.float32)
        self.ltrb = torch.tensor(30 + 20 * seeded.uniform("rbo/bench/loc", (28, 4, 25, 25)), dtype=torch.float32)
        self.label = torch.from_numpy(stored["cr_bench/in.label_cls"]).to(torch.int8)
        self.box = torch.tensor(about["cases"]["igr_bench"]["inputs"]["search_bbox"])
        self.recorded = [float(stored[key][0]) for key in ("cr_bench/loss", "igr_bench/loss_1", "igr_bench/loss_2")]

    def step(self, losses: Losses) -> tuple[list[Tensor], Tensor, Tensor]:
        """Forward and backward: the values and the gradients of both maps."""
        logits, ltrb = self.logits.clone().requires_grad_(), self.ltrb.clone().requires_grad_()
        values = losses(logits, ltrb)
        torch.stack(values).sum().backward()
        zero = torch.zeros(())
        return (
            [value.detach() for value in values],
            logits.grad if logits.grad is not None else zero,
            ltrb.grad if ltrb.grad is not None else zero,
        )


# The loop -----------------------------------------------------------------------------------------------------------


def looped_classification(logits: Tensor, label: Tensor) -> Tensor:
    """Image by image: the hardest negatives against the mean of the positives."""
    losses = []
    for scores, labels in zip(logits.log_softmax(1)[:, 1].exp(), label, strict=True):
        positive, negative = scores[labels == 1], scores[labels == 0]
        hard = int((negative > 0.5).sum())
        if hard == 0:
            continue
        count = len(positive) if len(positive) else max(hard, 8)
        hardest = negative.sort(descending=True, stable=True).values[:count]
        distractors = (hardest.softmax(0) * hardest).sum()
        target = positive.mean() if len(positive) else 1.0
        losses.append(torch.log(1 + torch.exp(4 * (distractors - target + 0.5))) / 4)
    return torch.stack(losses).mean()


def looped_pairs(key: Tensor, higher: Tensor, lower: Tensor) -> Tensor:
    """Pair by pair of one image."""
    order = key.sort(descending=True, stable=True).indices.tolist()
    costs = [torch.exp(-GAMMA * (higher[i] - lower[j])) for at, i in enumerate(order) for j in order[at + 1 :]]
    return torch.stack(costs).mean()


def looped_iou_guided(logits: Tensor, ltrb: Tensor, label: Tensor, box: Tensor) -> list[Tensor]:
    """Image by image: boxes of the positives decoded, their overlap, both orders."""
    grid = 31.0 + 8.0 * torch.arange(25)
    by_iou, by_score = [], []
    for scores, distances, labels, target in zip(logits.log_softmax(1)[:, 1].exp(), ltrb, label, box, strict=True):
        rows, columns = (labels == 1).nonzero(as_tuple=True)
        if len(rows) < 2:
            continue
        score, (left, top, right, bottom) = scores[rows, columns], distances[:, rows, columns]
        x, y = grid[columns], grid[rows]
        w = (torch.minimum(x + right, target[2]) - torch.maximum(x - left, target[0])).clamp(min=0)
        h = (torch.minimum(y + bottom, target[3]) - torch.maximum(y - top, target[1])).clamp(min=0)
        area = (target[2] - target[0]) * (target[3] - target[1])
        overlap = w * h / ((left + right) * (top + bottom) + area - w * h)
        by_iou.append(looped_pairs(overlap.detach(), score, score))
        by_score.append(looped_pairs(score.detach(), overlap, overlap.detach()))
    return [torch.stack(by_iou).mean(), torch.stack(by_score).mean()]


# The measurement ----------------------------------------------------------------------------------------------------


def check(batch: Batch, ours: Losses, loop: Losses) -> float:
    """The largest relative difference of values and gradients; refuses to go on above 1e-5."""
    a, b = batch.step(ours), batch.step(loop)
    pairs = [(torch.stack(a[0]), torch.stack(b[0])), (a[1], b[1]), (a[2], b[2])]
    worst = max(float((x - y).abs().max() / y.abs().max().clamp(min=1e-12)) for x, y in pairs)
    recorded = max(abs(float(x) / y - 1) for x, y in zip(a[0], batch.recorded, strict=True))
    if max(worst, recorded) > 1e-5:
        raise SystemExit(f"the losses differ: from the loop by {worst:.1e}, from the recorded values by {recorded:.1e}")
    return worst


class Counter(TorchDispatchMode):
    """Counts the tensor operations of a step."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return function(*args, **(kwargs or {}))


def operations(batch: Batch, losses: Losses) -> int:
    """Tensor operations of forward and backward."""
    with Counter() as counter:
        batch.step(losses)
    return counter.count


def compare(name: str, batch: Batch, ours: Losses, loop: Losses, rounds: int, **more: Any) -> dict[str, Any]:
    """A row: rounds of one loop and ten of ours in turn."""

    def milliseconds(losses: Losses, times: int) -> float:
        spent = []
        for _ in range(times):
            start = time.process_time()
            batch.step(losses)
            spent.append(1e3 * (time.process_time() - start))
        return statistics.median(spent)

    milliseconds(loop, 1), milliseconds(ours, 5)
    measured = [(milliseconds(loop, 1), milliseconds(ours, 10)) for _ in range(rounds)]
    theirs, mine = ([m[i] for m in measured] for i in (0, 1))
    more |= {"ours_best": round(min(mine), 3), "other_best": round(min(theirs), 3)}
    more |= {"ours_operations": operations(batch, ours), "other_operations": operations(batch, loop)}
    return row(name, round(statistics.median(mine), 3), round(statistics.median(theirs), 3), "ms CPU", **more)


def main() -> None:
    parser = argparse.ArgumentParser(description="RBO's ranking losses against a loop over images and pairs.")
    parser.add_argument("--json", metavar="FILE", help="write the rows there")
    parser.add_argument("--rounds", type=int, default=9, help="of the loop and ours in turn (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    batch = Batch()
    targets = Targets(batch.box, batch.label.flatten(1).amax(1) > 0, batch.label)
    classification = ClassificationRanking()
    iou_guided = (ScoreRankingByIou(gamma=GAMMA), IouRankingByScore(gamma=GAMMA))

    def points(logits: Tensor, ltrb: Tensor) -> Points:
        return Points(logits[:, 1] - logits[:, 0], ltrb, 255, 8)

    def ours(logits: Tensor, ltrb: Tensor) -> list[Tensor]:
        prediction = points(logits, ltrb)
        return [term(prediction, targets) for term in (classification, *iou_guided)]

    def loop(logits: Tensor, ltrb: Tensor) -> list[Tensor]:
        return [looped_classification(logits, batch.label), *looped_iou_guided(logits, ltrb, batch.label, batch.box)]

    difference = check(batch, ours, loop)
    rows = [
        compare("rbo losses batch 28", batch, ours, loop, args.rounds, largest_difference=difference),
        compare(
            "rbo losses batch 28, classification ranking",
            batch,
            lambda logits, ltrb: [classification(points(logits, ltrb), targets)],
            lambda logits, ltrb: [looped_classification(logits, batch.label)],
            args.rounds,
        ),
        compare(
            "rbo losses batch 28, IoU-guided ranking",
            batch,
            lambda logits, ltrb: [term(points(logits, ltrb), targets) for term in iou_guided],
            lambda logits, ltrb: looped_iou_guided(logits, ltrb, batch.label, batch.box),
            args.rounds,
        ),
    ]
    write(rows, args.json)


if __name__ == "__main__":
    main()
