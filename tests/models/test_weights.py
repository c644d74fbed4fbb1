"""Files of weights: ours come back whole, other people's cannot do harm."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from siamtrack.models.weights import WeightsError, read_checkpoint, read_weights, save_weights, state_of
from tests.external import external


class Harm:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple:
        return (open, (self.path, "w"))


class Shell(Harm):
    """Unpickled, it runs a command."""

    def __reduce__(self) -> tuple:
        return (os.system, (f"touch {self.path}",))


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    shared = torch.randn(4, 4)
    state = {
        "a": shared,
        "b": shared[:2],
        "c": torch.randn(3, 5).t(),
        "n": torch.tensor(7),
        "h": torch.ones(2).bfloat16(),
    }
    file = tmp_path / "run" / "best.safetensors"
    save_weights(file, state, "MODEL: {}\n", {"epoch": 3, "where": "näher"})
    back = read_weights(file)
    assert (back.config, back.meta) == ("MODEL: {}\n", {"epoch": 3, "where": "näher"})
    assert back.state.keys() == state.keys()
    for name, tensor in state.items():
        assert back.state[name].dtype == tensor.dtype
        assert torch.equal(back.state[name], tensor)


def test_unusable_weights_are_refused_with_a_reason(tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    save_weights(good, {"a": torch.zeros(100)}, "SEED: 1", {})
    (tmp_path / "short.safetensors").write_bytes(good.read_bytes()[:-1])
    (tmp_path / "empty.safetensors").write_bytes(b"")
    save_file({"a": torch.zeros(3)}, tmp_path / "foreign.safetensors")
    torch.save({"a": torch.zeros(3)}, tmp_path / "new.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps({"a": 1}))
    reasons = {
        "short.safetensors": "damaged or cut short",
        "empty.safetensors": "damaged or cut short",
        "foreign.safetensors": "siamtrack convert",
        "new.pth": "is a pickle",
        "old.pth": "is a pickle",
        "missing.safetensors": "no such file. Beside it there is short",
        ".": "is a folder.*such as short.safetensors",
    }
    for name, reason in reasons.items():
        with pytest.raises(WeightsError, match=reason):
            read_weights(tmp_path / name)


def test_a_save_that_dies_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "last.safetensors"
    save_weights(file, {"a": torch.zeros(2)}, "old", {})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("siamtrack.files.os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        save_weights(file, {"a": torch.ones(2)}, "new", {})
    assert read_weights(file).config == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("harm", [Harm, Shell])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_checkpoint_is_refused(tmp_path: Path, harm: type[Harm], legacy: bool) -> None:
    mark, file = tmp_path / "harmed", tmp_path / "evil.pth"
    content = {"state_dict": {"a": torch.zeros(1)}, "epoch": harm(mark)}
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match=r"evil\.pth: refused: it asks to load .*(open|system).* can run any code"):
        read_checkpoint(file)
    assert not mark.exists()
    torch.load(file, weights_only=False)  # the same file without our care, so that the test cannot pass in vain
    assert mark.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_bare_malicious_pickle_is_refused(tmp_path: Path, protocol: int) -> None:
    mark, file = tmp_path / "harmed", tmp_path / "evil.pth"
    file.write_bytes(pickle.dumps(Shell(mark), protocol=protocol))
    with pytest.raises(WeightsError, match=r"evil\.pth: refused: it asks to load (posix|nt)\.system"):
        read_checkpoint(file)
    assert not mark.exists()


def test_numpy_numbers_of_pysots_optimiser_are_let_in(tmp_path: Path) -> None:
    content = {"epoch": 20, "state_dict": {"module.a": torch.ones(2)}, "optimizer": {"lr": np.float64(0.005)}}
    torch.save(content, tmp_path / "checkpoint_e20.pth")
    back = read_checkpoint(tmp_path / "checkpoint_e20.pth")
    assert back["optimizer"]["lr"] == 0.005
    assert list(state_of(back, "checkpoint_e20.pth")) == ["a"]


@pytest.mark.parametrize(("version", "tensors"), [("v1", 231), ("v2", 298), ("v3", 438)])
def test_released_checkpoints_can_be_read(version: str, tensors: int) -> None:
    file = external("WEIGHTS") / f"nanotrack{version}.pth"
    assert len(state_of(read_checkpoint(file), file)) == tensors


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_a_cut_off_file_is_said_to_be_one(tmp_path: Path, kind: str, part: float) -> None:
    file = tmp_path / ("cut.safetensors" if kind == "safetensors" else "cut.pth")
    state = {f"layer{i}.weight": torch.randn(20, 20) for i in range(5)}
    if kind == "safetensors":
        save_file(state, file)
    else:
        torch.save(state, file, _use_new_zipfile_serialization=kind == "zip")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(WeightsError, match=r"cut\.\w+: (cannot be read as|is not a PyTorch checkpoint)"):
        read_checkpoint(file)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, kind: str) -> None:
    file = tmp_path / ("damaged.safetensors" if kind == "safetensors" else "damaged.pth")
    state = {f"layer{i}.weight": torch.randn(3, 3) for i in range(3)}
    if kind == "safetensors":
        save_file(state, file)
    else:
        torch.save({"state_dict": state, "epoch": 3}, file, _use_new_zipfile_serialization=kind == "zip")
    whole, random, refused = file.read_bytes(), np.random.default_rng(0), 0
    for _ in range(150):
        damaged = np.frombuffer(whole, np.uint8)[: random.integers(1, len(whole) + 1)].copy()
        damaged[random.integers(0, len(damaged), 3)] = random.integers(0, 256, 3)
        file.write_bytes(damaged.tobytes())
        try:
            state_of(read_checkpoint(file), file)
        except WeightsError:
            refused += 1
    assert refused > 75


def test_sentences_for_files_that_are_something_else(tmp_path: Path) -> None:
    picture, foreign, numbers = (tmp_path / n for n in ("frame.pth", "theirs.safetensors", "list.pth"))
    picture.write_bytes(b"\xff\xd8\xff\xe0 not a checkpoint")
    save_file({"a": torch.zeros(1)}, foreign)
    torch.save([1, 2], numbers)
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(WeightsError, match=r"frame\.pth: is not a .* damaged \(Unsupported operand 255\)"):
        read_checkpoint(picture)
    with pytest.raises(WeightsError, match="holds tensors but no siamtrack configuration"):
        read_weights(foreign)
    with pytest.raises(WeightsError, match="holds list, but should hold a dict"):
        read_checkpoint(numbers)
    with pytest.raises(WeightsError, match=r"holds no tensors.*epoch"):
        state_of(read_checkpoint(tmp_path / "empty.pth"), "empty.pth")
    with pytest.raises(WeightsError, match=r"is a pickle .*not a safetensors file"):
        read_weights(numbers)
    with pytest.raises(WeightsError, match="there is no such file"):
        read_weights(tmp_path / "nothing.safetensors")
