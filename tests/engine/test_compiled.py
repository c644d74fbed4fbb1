"""``TRAIN.COMPILE`` beside what else changes a forward pass, in whole runs; tests/test_compile.py has the networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from siamtrack.engine import preparation
from siamtrack.engine.checkpointing import checkpoint_modules
from tests.engine.test_resume import assert_same_end
from tests.engine.toy import ToyNet, run

PHASES = "[{FROM: 0}, {FROM: 1, LEARN: [neck, head], EVAL: [backbone]}]"
EVERYTHING = (
    *("TRAIN.CHECKPOINTING", "['backbone', 'neck']", "TRAIN.EMA", 0.9, "TRAIN.DEVICE_BATCH", 4),
    *("TRAIN.PHASES", PHASES, "TRAIN.FOLD_FROZEN", True),
)


@pytest.fixture(autouse=True)
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Graphs of forward and backward are made and run without code generation, and what cannot be captured fails."""
    whole = nn.Module.compile

    def compile(self: nn.Module, **options: Any) -> None:
        whole(self, backend="aot_eager", fullgraph=True, **options)
        torch._dynamo.config.suppress_errors = False

    monkeypatch.setattr(preparation, "_missing_compiler", lambda device: "")
    monkeypatch.setattr(nn.Module, "compile", compile)
    torch._dynamo.reset()
    with torch._dynamo.config.patch(suppress_errors=False):
        yield
    torch._dynamo.reset()


def test_a_run_with_everything_ends_alike(tmp_path: Path) -> None:
    """Checkpointing, an average, accumulation, and a backbone that is folded once it stops learning."""
    torch._dynamo.utils.counters.clear()
    run(tmp_path / "plain", *EVERYTHING)
    run(tmp_path / "compiled", *EVERYTHING, "TRAIN.COMPILE", True)
    # each phase, in training and in validation; the rehearsal's graphs serve again
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 4
    assert_same_end(tmp_path / "compiled", tmp_path / "plain")


def test_checkpointing_draws_again_what_was_drawn_and_counts_once() -> None:
    nets = []
    for compiled in (False, True):
        torch.manual_seed(0)
        net = ToyNet(0.3)
        checkpoint_modules(net, ["backbone", "neck"])
        if compiled:
            net.compile()
        torch.manual_seed(1)
        net(torch.randn(4, 3, 9, 9)).square().sum().backward()
        nets.append(net)
    eager, graph = nets
    for (name, a), (_, b) in zip(eager.named_parameters(), graph.named_parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, msg=name)
    for name, buffer in eager.named_buffers():
        assert torch.equal(buffer, graph.get_buffer(name)), name
