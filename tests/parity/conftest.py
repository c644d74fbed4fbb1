"""Fixtures of the parity suite: reading a system's recorded outputs, and one report row per compared case."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests import parity_report
from tests.external import external


@lru_cache(maxsize=1)
def _seeded(folder: Path) -> ModuleType:
    """``seeded.py`` of the fixture folder: it draws the inputs and weights from their names."""
    spec = importlib.util.spec_from_file_location("seeded", folder / "seeded.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def seeded() -> ModuleType:
    return _seeded(external("PARITY"))


@pytest.fixture(scope="session")
def parity() -> Callable[[str], tuple[ModuleType, dict[str, Any], dict[str, np.ndarray]]]:
    """``parity(system)`` -> (seeded module, description, stored arrays)."""
    cache: dict[str, tuple[ModuleType, dict[str, Any], dict[str, np.ndarray]]] = {}

    def load(system: str) -> tuple[ModuleType, dict[str, Any], dict[str, np.ndarray]]:
        if system not in cache:
            folder = external("PARITY")
            module = _seeded(folder)
            cache[system] = (module, *module.load(system, folder))
        return cache[system]

    return load


@pytest.fixture(scope="session")
def record() -> Callable[..., None]:
    """``record(system, case, error, tolerance, note="")``: a row of the report, and the assertion.

    Call it once for a case with the worst of its outputs (relative to their tolerances), or once per output with
    ``output=``. ``note`` says ``defect: ...`` where the fixture records a defect of the original.
    """

    def add(system: str, case: str, error: float, tolerance: float, note: str = "", output: str = "") -> None:
        parity_report.add(system, case, output, error, tolerance, note)
        at = f"{system} {case} {output}".strip()
        assert error <= tolerance, f"{at}: error {error:.3g} exceeds the tolerance {tolerance:.3g}. {note}"

    return add


@pytest.fixture(scope="session")
def compare(seeded: ModuleType, record: Callable[..., None]) -> Callable[..., None]:
    """``compare(system, about, stored, case, {output: array})``: every output of a case, each to its own tolerance.

    Tolerances are relative to the largest stored value unless the fixture says absolute; an output that the fixture
    stores and the test does not bring (nor names in ``skip``) is a failure.
    """

    def check(
        system: str,
        about: dict[str, Any],
        stored: dict[str, np.ndarray],
        case: str,
        actual: dict[str, Any],
        skip: tuple[str, ...] = (),
        note: str = "",
    ) -> None:
        # names, or [name, shape] pairs
        outputs = [o if isinstance(o, str) else o[0] for o in about["cases"][case]["outputs"]]
        missing = set(outputs) - set(actual) - set(skip)
        assert not missing, f"{system} {case}: not compared: {sorted(missing)}"
        for name, value in actual.items():
            expected = stored[f"{case}/{name}"]
            value = np.asarray(value, np.float64)
            value = value.reshape(expected.shape) if value.size == expected.size else value
            tolerance, absolute = tolerance_of(about["cases"][case]["tolerance"], name)
            if absolute:
                error = float(np.abs(np.asarray(seeded.pick(value), np.float64) - expected).max())
            else:
                error = seeded.error(value, expected)
            record(system, case, error, tolerance, note=note, output=name)

    return check


def tolerance_of(tolerance: Any, name: str) -> tuple[float, bool]:
    """(bound, absolute?) that a fixture sets for one output."""
    if not isinstance(tolerance, dict):
        return float(tolerance), False
    if f"{name}_absolute" in tolerance:
        return float(tolerance[f"{name}_absolute"]), True
    for key in (name, "default", "rel"):
        if key in tolerance:
            return float(tolerance[key]), False
    return 0.0, False
