"""Drawing cells by hashed keys."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from siamtrack.targets.sampling import cell_keys, draw


def splitmix(state: int, steps: int) -> list[int]:
    """The textbook generator in Python integers."""
    mask, out = (1 << 64) - 1, []
    for _ in range(steps):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out.append((z ^ (z >> 31)) >> 1)
    return out


@given(st.integers(-(2**63), 2**63 - 1))
def test_keys_are_splitmix64(seed):
    keys = cell_keys(torch.tensor([seed]), 20)[0].tolist()
    assert keys == splitmix(seed & ((1 << 64) - 1), 20)


@given(st.integers(0, 2**62), st.integers(0, 40), st.integers(1, 30))
def test_draws_exactly_as_many_as_asked_for(seed, available, count):
    candidates = torch.zeros(1, 40, dtype=torch.bool)
    candidates[0, torch.randperm(40, generator=torch.Generator().manual_seed(seed % 2**31))[:available]] = True
    kept = draw(candidates, cell_keys(torch.tensor([seed]), 40), count)
    assert int(kept.sum()) == min(available, count)
    assert not (kept & ~candidates).any()


def test_every_candidate_is_as_likely():
    seeds = torch.arange(20_000)
    kept = draw(torch.ones(20_000, 10, dtype=torch.bool), cell_keys(seeds, 10), 3)
    share = kept.float().mean(0)
    # 20,000 draws of 3 out of 10: standard deviation 0.0032
    assert (share - 0.3).abs().max() < 0.015


def test_a_sample_does_not_depend_on_its_batch():
    seeds = torch.tensor([5, 6, 7])
    torch.testing.assert_close(cell_keys(seeds, 9)[1:2], cell_keys(seeds[1:2], 9))


def test_purposes_differ():
    assert (cell_keys(torch.tensor([1]), 30, purpose=0) != cell_keys(torch.tensor([1]), 30, purpose=1)).all()
