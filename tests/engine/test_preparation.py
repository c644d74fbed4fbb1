"""What is done to a model before it learns, and what is said where a machine cannot do it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from siamtrack.config import ConfigError
from siamtrack.engine import preparation
from siamtrack.engine.distributed import Processes
from siamtrack.engine.preparation import prepare
from siamtrack.models.weights import read_weights
from tests.engine.test_resume import assert_same_end, killed
from tests.engine.toy import ToyNet, run, settings

CPU = torch.device("cpu")


def test_channels_last_is_an_option_and_is_resumed(tmp_path: Path) -> None:
    more = ("TRAIN.MEMORY_FORMAT", "channels_last", "TRAIN.SAVE_STEPS", 2)
    weight = run(tmp_path / "whole", *more).model.backbone[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    assert killed(tmp_path / "run", "os.replace:4", more) < 0
    run(tmp_path / "run", *more, resume=True)
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_without_a_compiler_a_run_goes_on_without_compiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(preparation.shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    run(tmp_path / "run", "TRAIN.COMPILE", True, "TRAIN.EPOCHS", 1)
    assert "torch.compile needs g++ or clang++, and this machine has none; going on without" in caplog.text
    run(tmp_path / "plain", "TRAIN.EPOCHS", 1)
    a, b = (read_weights(tmp_path / f"{name}/checkpoints/epoch-0001.safetensors").state for name in ("run", "plain"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_named_compiler_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    prepare(ToyNet(0.0), settings("TRAIN.COMPILE", True).TRAIN, Processes(0, 1, CPU))
    assert "torch.compile needs no-such-compiler" in caplog.text


def test_compiled_in_place_names_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    monkeypatch.setattr(preparation, "_missing_compiler", lambda device: "")
    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: compiled.append(options))
    model = ToyNet(0.0)
    assert prepare(model, settings("TRAIN.COMPILE", True).TRAIN, Processes(0, 1, CPU)) is model
    assert compiled == [{"dynamic": False}]


def test_synchronised_batch_norm_where_there_is_none(caplog: pytest.LogCaptureFixture) -> None:
    train = settings("TRAIN.SYNC_BATCHNORM", True).TRAIN
    model = prepare(ToyNet(0.0), train, Processes(0, 1, CPU))
    assert not caplog.text, "one process has nothing to synchronise with"
    model = prepare(ToyNet(0.0), train, Processes(0, 2, CPU))
    assert "torch has it for CUDA alone" in caplog.text
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in model.modules())


def test_synchronised_batch_norm_keeps_names() -> None:
    model, names = ToyNet(0.0), list(ToyNet(0.0).state_dict())
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert list(converted.state_dict()) == names


def test_an_unknown_memory_format_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"MEMORY_FORMAT is 'nhwc'; it should be one of contiguous, channels_last"):
        prepare(ToyNet(0.0), settings("TRAIN.MEMORY_FORMAT", "nhwc").TRAIN, Processes(0, 1, CPU))
