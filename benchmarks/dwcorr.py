"""Depth-wise correlation: forward and backward against the grouped convolution and torch's own gradient of it.

    python benchmarks/dwcorr.py --json benchmarks/results/dwcorr.json

The other side is what trackers commonly do, ``conv2d`` on planes with as many groups as planes (SiamRPN++), and its
autograd. Before anything is timed, response and both gradients of the two are held against each other. Both run in
turn in one process on one CPU thread, with a heap that keeps its pages (``siamtrack.data.decode.keep_heap``), since
handing 24 MB back to the system and faulting them in again would be most of what is measured. Times are milliseconds of
CPU time; a row's ratio is the median of the rounds' own ratios, ``ours`` and ``other`` are medians.

With ``--device cuda`` both forms of this house are timed there instead (events on the device, the host waiting only at
the end of a round): which of them ``depthwise_correlation`` should take on that device is read from these rows.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from record import row, write
from torch import Tensor
from torch.nn import functional as F

from siamtrack.data.decode import keep_heap
from siamtrack.models.correlations.depthwise_operator import correlate_planes

Correlate = Callable[[Tensor, Tensor], Tensor]
CASES = {  # name: batch, channels, side of the search, side of the kernel
    "dwcorr 28x256 29x29 5x5": (28, 256, 29, 5),
    "dwcorr 8x256 29x29 5x5": (8, 256, 29, 5),
    "dwcorr 32x256 31x31 7x7": (32, 256, 31, 7),
    "dwcorr 16x64 16x16 8x8": (16, 64, 16, 8),
}
LARGEST = 2e-6  # relative difference of gradients: another order of summation, no more


def grouped(search: Tensor, kernel: Tensor) -> Tensor:
    """The common form."""
    batch, channels = search.shape[:2]
    planes = batch * channels
    maps = search.reshape(1, planes, *search.shape[-2:])
    response = F.conv2d(maps, kernel.reshape(planes, 1, *kernel.shape[-2:]), groups=planes)
    return response.reshape(batch, channels, *response.shape[-2:])


class Case:
    """Maps of one size, and a gradient that comes back to them."""

    def __init__(self, size: tuple[int, int, int, int], device: str, layout: torch.memory_format, dtype: torch.dtype):
        batch, channels, side, kernel = size
        draw = torch.Generator().manual_seed(0)
        shapes = (side, kernel, side - kernel + 1)
        maps = (torch.randn(batch, channels, s, s, generator=draw).to(device, dtype) for s in shapes)
        self.search, self.kernel, self.gradient = (m.contiguous(memory_format=layout) for m in maps)

    def step(self, correlate: Correlate) -> tuple[Tensor, Tensor, Tensor]:
        """Forward and backward: response and both gradients."""
        search, kernel = self.search.detach().requires_grad_(), self.kernel.detach().requires_grad_()
        response = correlate(search, kernel)
        response.backward(self.gradient)
        return response.detach(), *(t.grad for t in (search, kernel) if t.grad is not None)

    def difference(self, ours: Correlate, other: Correlate) -> float:
        """The largest relative difference of response and gradients; refuses to go on above the limit."""
        pairs = zip(self.step(ours), self.step(other), strict=True)
        worst = max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
        if worst > (LARGEST if self.search.dtype == torch.float32 else 0.02):
            raise SystemExit(f"the two forms differ by {worst:.1e}")
        return worst


def cpu_milliseconds(step: Callable[[], Any]) -> float:
    """CPU time of a call."""
    start = time.process_time()
    step()
    return 1e3 * (time.process_time() - start)


def cuda_milliseconds(step: Callable[[], Any], times: int = 20) -> float:
    """Time on the device of one of several calls in a row."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(times):
        step()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / times


def compare(name: str, case: Case, rounds: int, clock: Callable[[Callable[[], Any]], float]) -> dict[str, Any]:
    """A row: rounds of both in turn."""
    difference = case.difference(correlate_planes, grouped)
    for _ in range(2):
        case.step(grouped), case.step(correlate_planes)
    measured = [(clock(lambda: case.step(correlate_planes)), clock(lambda: case.step(grouped))) for _ in range(rounds)]
    ours, other = ([pair[side] for pair in measured] for side in (0, 1))
    made = row(name, round(statistics.median(ours), 3), round(statistics.median(other), 3), "ms")
    made["ratio"] = round(statistics.median(theirs / mine for mine, theirs in measured), 2)
    best = {"ours_best": round(min(ours), 3), "other_best": round(min(other), 3)}
    return {**made, "largest_difference": difference, "rounds": rounds, **best}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write the rows there")
    parser.add_argument("--rounds", type=int, default=15, help="of both in turn (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_heap()
    clock = cuda_milliseconds if args.device == "cuda" else cpu_milliseconds
    rows = []
    for name, size in CASES.items():
        rows.append(compare(name, Case(size, args.device, torch.contiguous_format, torch.float32), args.rounds, clock))
    first = CASES["dwcorr 28x256 29x29 5x5"]
    more = [("channels_last", torch.channels_last, torch.float32), ("bf16", torch.contiguous_format, torch.bfloat16)]
    for what, layout, dtype in more:
        case = Case(first, args.device, layout, dtype)
        rows.append(compare(f"dwcorr 28x256 29x29 5x5 {what}", case, args.rounds, clock))
    write(rows, args.json)


if __name__ == "__main__":
    main()
