"""A training step: as the engine does it with everything on, against plain float32, eager, NCHW, of the same network.

    python benchmarks/step.py --json benchmarks/results/step.json                        (on CUDA where there is one)
    python benchmarks/step.py --device cpu --batch 4 --json benchmarks/results/step_cpu.json

Rows, for SiamBAN in both of its phases (backbone frozen, then learning), SiamPW-RBO and STARK-S50:

``step NAME phase P``
    the engine's own forward, losses, backward, clipping and optimiser on synthetic pixels that lie on the device. Ours:
    bf16, channels_last, fused optimiser, frozen batch norm folded, and torch.compile with ``--compile``. Other: float32
    without TF32, contiguous, and the same otherwise. Seconds of a step, the two in turn, medians; samples per second.
``switch NAME phase P SWITCH``
    the plain step with one of these switched on alone: what each of them is worth.

On CUDA the host waits once at the end of a round; ``busy`` is the share of a round's wall time in which kernels ran
(torch.profiler), ``waits`` how often a step makes the host wait (``torch.cuda.set_sync_debug_mode``); ``batches`` gives
samples per second for growing batches, and ``TFLOP/s`` what the arithmetic of a step comes to beside the largest rate
that a bf16 matrix product reaches on the device.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from record import row, write
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from siamtrack import config
from siamtrack.contracts import Batch, Crop
from siamtrack.crops import crop_policies
from siamtrack.data.decode import keep_heap
from siamtrack.engine.distributed import Processes
from siamtrack.engine.learner import Learner
from siamtrack.engine.preparation import prepare
from siamtrack.engine.report import StepReport
from siamtrack.engine.seeding import deterministic
from siamtrack.engine.step import add_gradients
from siamtrack.engine.task import Shard
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.targets import labellers
from siamtrack.tracking.task import TrackingTask

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
NETWORKS = {"SiamBAN": "siamban/r50.yaml", "SiamPW-RBO": "siampw_rbo/r50.yaml", "STARK-S50": "stark/s50.yaml"}
SWITCHES = {
    "bf16": ("TRAIN.PRECISION", "bf16"),
    "channels_last": ("TRAIN.MEMORY_FORMAT", "channels_last"),
    "folded": ("TRAIN.FOLD_FROZEN", "True"),
}
COMPILE = ("TRAIN.COMPILE", "True")


class Bench:
    """A network with its learner and a batch on the device: everything of a step but the loader."""

    def __init__(self, file: str, phase: int, batch: int, device: torch.device, switches: tuple[str, ...]) -> None:
        sizes = ("TRAIN.BATCH", str(batch), "TRAIN.DEVICE_BATCH", "0", "TRAIN.DETERMINISTIC", "False")
        cfg = config.load(CONFIGS / file, [*sizes, *switches])
        deterministic(cfg.TRAIN.DETERMINISTIC)
        torch.manual_seed(0)
        self.task = TrackingTask.__new__(TrackingTask)  # without its data
        self.task.model = build_network(cfg)
        self.task.labeller = labellers.build(cfg.TARGETS)
        self.task.criterion = Criterion(cfg.LOSSES, self.task.model.head.makes)
        self.processes, self.shard = Processes(0, 1, device), Shard.plan(batch, 0, 0, 1)
        model = prepare(self.task.model, cfg.TRAIN, self.processes)
        self.learner = Learner(cfg.TRAIN, model, self.processes, self.shard)
        self.epoch = self.learner.phases[min(phase, len(self.learner.phases)) - 1].start
        self.phases = len(self.learner.phases)
        self.learner.enter(self.epoch)
        self.batch = _batch(crop_policies.build(cfg.CROP), batch, device)

    def step(self) -> None:
        """As the training loop does it; nothing is read."""
        self.learner.begin_step(self.epoch, 0.0)
        report = StepReport(1, 1e9)
        add_gradients(self.task, self.learner, iter([self.batch]), 1, report)
        report.close(*self.learner.finish_step(report.agree(self.processes)), self.learner.groups)


def _batch(policy: Any, count: int, device: torch.device) -> Batch:
    """Noise, with a target of 60 x 40 px about the middle of every search."""
    draw = torch.Generator().manual_seed(0)

    def crop(size: int) -> Crop:
        pixels = torch.rand(count, 3, size, size, generator=draw) * 255
        centre = size / 2 + 8 * torch.randn(count, 2, generator=draw)
        box = torch.cat([centre - torch.tensor([30.0, 20.0]), centre + torch.tensor([30.0, 20.0])], 1)
        mask = (
            torch.zeros(count, size, size, dtype=torch.bool, device=device)
            if policy.registered_name == "area"
            else None
        )
        return Crop(pixels.to(device), box.to(device), mask)

    template, search = crop(policy.template_size), crop(policy.train_search_size)
    present = torch.ones(count, dtype=torch.bool, device=device)
    return Batch((template,), search, present, torch.arange(count, dtype=torch.int64, device=device))


def seconds(bench: Bench, steps: int) -> float:
    """Of a step: wall time on CUDA, CPU time elsewhere."""
    clock = time.perf_counter if _cuda(bench) else time.process_time
    _wait(bench)
    began = clock()
    for _ in range(steps):
        bench.step()
    _wait(bench)
    return (clock() - began) / steps


def _cuda(bench: Bench) -> bool:
    return bench.processes.device.type == "cuda"


def _wait(bench: Bench) -> None:
    if _cuda(bench):
        torch.cuda.synchronize(bench.processes.device)


def busy(bench: Bench, steps: int) -> float:
    """Share of the wall time in which kernels ran; one stream, so that they do not overlap."""
    _wait(bench)
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        began = time.perf_counter()
        for _ in range(steps):
            bench.step()
        _wait(bench)
        wall = time.perf_counter() - began
    kernels = (event for event in profiler.key_averages() if not event.is_user_annotation)
    return sum(event.self_device_time_total for event in kernels) / 1e6 / wall


def waits(bench: Bench) -> int:
    """How often a step makes the host wait for the device."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            bench.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)


def flop(bench: Bench) -> float:
    """Floating-point operations of forward and backward."""
    counter = FlopCounterMode(display=False)
    with counter:
        bench.step()
    return float(counter.get_total_flops())


def peak(device: torch.device, side: int = 8192) -> float:
    """bf16 FLOP/s of a large matrix product."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    torch.cuda.synchronize(device)
    began = time.perf_counter()
    for _ in range(20):
        a @ b
    torch.cuda.synchronize(device)
    return 20 * 2 * side**3 / (time.perf_counter() - began)


def compare(
    name: str, make: Callable[..., Bench], switches: tuple[str, ...], rounds: int, steps: int
) -> dict[str, Any]:
    """A row: rounds of ours and of the plain step in turn."""
    ours, plain = make(switches), make(())
    for bench in (ours, plain):
        for _ in range(3 if _cuda(bench) else 1):
            bench.step()
    measured = [(seconds(ours, steps), seconds(plain, steps)) for _ in range(rounds)]
    mine, other = (statistics.median(pair[i] for pair in measured) for i in (0, 1))
    made = row(name, round(mine, 5), round(other, 5), "s", rounds=rounds, steps=steps)
    made["ratio"] = round(statistics.median(b / a for a, b in measured), 2)
    count = ours.shard.batch
    made |= {"samples_per_second": round(count / mine, 1), "other_samples_per_second": round(count / other, 1)}
    if _cuda(ours):
        work = flop(plain)
        made |= {"busy": round(busy(ours, steps), 3), "other_busy": round(busy(plain, steps), 3), "waits": waits(ours)}
        made |= {"TFLOP/s": round(work / mine / 1e12, 1), "peak_TFLOP/s": round(peak(ours.processes.device) / 1e12, 1)}
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write the rows there")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=28, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of both in turn (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=0, help="of a round (default: 20 on CUDA, 1 elsewhere)")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="(default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="ours with torch.compile too")
    parser.add_argument("--switches", action="store_true", help="also each switch alone")
    args = parser.parse_args()
    device = torch.device(args.device)
    steps = args.steps or (20 if device.type == "cuda" else 1)
    if device.type == "cpu":
        torch.set_num_threads(1)
        keep_heap()
    # the plain side is float32 in full; by the older names, which the compiler asks for and which set the newer as well
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    everything = tuple(word for pair in SWITCHES.values() for word in pair) + (COMPILE if args.compile else ())
    rows = []
    for name in args.networks.split(","):
        phases = len(config.load(CONFIGS / NETWORKS[name]).TRAIN.PHASES) or 1
        for phase in range(1, phases + 1):

            def make(switches: tuple[str, ...], batch: int = args.batch, name: str = name, phase: int = phase) -> Bench:
                return Bench(NETWORKS[name], phase, batch, device, switches)

            made = compare(f"step {name} phase {phase}", make, everything, args.rounds, steps)
            if device.type == "cuda":
                made["device"] = torch.cuda.get_device_name(device)
                made["batches"] = batches(make, everything, args.batch, steps)
            rows.append(made)
            for switch, words in SWITCHES.items() if args.switches else ():
                rows.append(compare(f"switch {name} phase {phase} {switch}", make, words, args.rounds, steps))
    write(rows, args.json)


def batches(make: Callable[..., Bench], switches: tuple[str, ...], smallest: int, steps: int) -> dict[int, float]:
    """Samples per second for batches of twice the size each, as far as the memory goes."""
    rates: dict[int, float] = {}
    for size in (smallest, 2 * smallest, 4 * smallest, 8 * smallest):
        try:
            rates[size] = round(size / seconds(_warm(make(switches, batch=size)), steps), 1)
        except torch.OutOfMemoryError:
            break
    return rates


def _warm(bench: Bench) -> Bench:
    for _ in range(3):
        bench.step()
    return bench


if __name__ == "__main__":
    main()
