"""SiamBAN's learning rates per epoch and group against pysot's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from siamtrack import config
from siamtrack.engine.optimizer import optimizers, parameter_groups, set_rate
from siamtrack.engine.phases import Phase
from siamtrack.engine.schedule import schedules

SYSTEM = "siam_common"
CONFIG = Path(__file__).resolve().parents[2] / "configs/siamban/r50.yaml"


def test_rates(parity, compare):
    _, about, stored = parity(SYSTEM)
    train = config.load(CONFIG).TRAIN
    schedule = schedules.build(train.SCHEDULE, epochs=train.EPOCHS)
    model = nn.ModuleDict({name: nn.Linear(1, 1) for name in ("backbone", "neck", "head")})
    groups = parameter_groups(model, Phase(rates=tuple(train.PHASES[-1]["LR"].items())))
    optimizer = optimizers.build(train.OPTIMIZER, groups=groups)
    rates = [set_rate(optimizer, schedule.factor(epoch)) for epoch in range(train.EPOCHS)]
    assert list(rates[0]) == ["backbone", "neck", "head"]
    actual = np.array([list(row.values()) for row in rates])
    compare(SYSTEM, about, stored, "lr", {"lr": actual})
    assert actual[4, 1] == pytest.approx(0.0036239, rel=1e-4)  # the warm-up does not reach 0.005
