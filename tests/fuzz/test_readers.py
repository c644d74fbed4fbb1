"""Whatever stands in a file, readers give what was asked for or say in a sentence what is wrong with it.

``python -m tests.fuzz.record`` does the same for many more inputs.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.inputs import generate
from tests.fuzz.targets import TARGETS, attempt


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**40))
def test_numbers_or_a_sentence(target: str, seed: int, tmp_path: Path) -> None:
    path = tmp_path / "input.txt"
    path.write_bytes(generate(seed))
    attempt(target, path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text(max_size=40).map(str.encode), target=st.sampled_from(sorted(TARGETS)))
def test_of_any_content(content: bytes, target: str, tmp_path: Path) -> None:
    path = tmp_path / "input.txt"
    path.write_bytes(content)
    attempt(target, path)


def test_inputs_reach_both_ends(tmp_path: Path) -> None:
    """Every reader accepts some of the inputs and refuses some, or the test above would show nothing."""
    path = tmp_path / "input.txt"
    outcomes: dict[str, set[bool]] = {target: set() for target in TARGETS}
    for seed in range(400):
        path.write_bytes(generate(seed))
        for target, seen in outcomes.items():
            seen.add(bool(attempt(target, path)))
    assert all(seen == {True, False} for seen in outcomes.values()), outcomes
