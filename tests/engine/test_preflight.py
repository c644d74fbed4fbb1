"""Processes that do not find or hear each other say so soon, and in a sentence."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from siamtrack.engine import distributed, preflight
from siamtrack.engine.preflight import JobError
from tests.engine.forked import together


def test_one_that_never_comes_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def come_or_not() -> None:
        if os.environ["RANK"] == "2":
            return
        began = time.monotonic()
        with pytest.raises(JobError), distributed.session("cpu", patience=2.0):
            pass
        assert time.monotonic() - began < 30

    assert together(come_or_not, world=3, log=str(log)) == [0, 0, 0]
    said = log.read_text()
    assert f"process 0 of 3 on {socket.gethostname()} did not meet all others at 127.0.0.1:" in said
    assert "within 2 s (TRAIN.PREFLIGHT)" in said
    assert "Start all 3 of them with the same MASTER_ADDR and MASTER_PORT" in said


def test_roll_call_names_who_is_missing() -> None:
    store = dist.HashStore()
    with pytest.raises(RuntimeError, match=r"of ranks 0 to 3, 1, 2, 3 did not"):
        preflight._roll_call(store, 0, 4, preflight.datetime.timedelta(seconds=0.2))


def test_another_start_of_a_job_does_not_see_what_the_last_one_left(monkeypatch: pytest.MonkeyPatch) -> None:
    store = dist.HashStore()
    for restarts in ("0", "0", "1"):  # a machine came or went; a process failed
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", restarts)
        first, second = (preflight._fresh(store, 2) for _ in range(2))
        assert not first.check(["address"])
        first.set("address", "here")
        assert second.get("address") == b"here"


def test_a_sum_that_does_not_come_is_told(tmp_path: Path) -> None:
    """Found, but not heard: one process hangs before the first sum."""
    log = tmp_path / "log"

    def hang() -> None:
        if os.environ["RANK"] == "1":
            dist.all_reduce = lambda *a, **k: time.sleep(8) or os._exit(0)
        with pytest.raises(JobError) as raised, distributed.session("cpu", patience=2.0):
            pass
        print(raised.value)
        os._exit(0)  # as after an error: without a farewell to those that hang

    assert together(hang, log=str(log)) == [0, 0]
    assert "but the first sum over all of them (gloo) did not come within 2 s" in log.read_text()
    assert "GLOO_SOCKET_IFNAME" in log.read_text()


def test_two_of_one_rank_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong_sum(probe: torch.Tensor, async_op: bool) -> object:
        class Work:
            def wait(self, limit: object) -> None:
                probe.fill_(2.0)

        return Work()

    monkeypatch.setattr(dist, "all_reduce", wrong_sum)
    monkeypatch.setattr(dist, "init_process_group", lambda *a, **k: None)
    monkeypatch.setattr(preflight, "rendezvous", lambda *a, **k: iter([(dist.HashStore(), 0, 2)]))
    monkeypatch.setattr(preflight, "_roll_call", lambda *a: None)
    with pytest.raises(JobError, match="the ranks of all processes add up to 0, not to 1; two processes have the same"):
        preflight.join(0, 2, torch.device("cpu"), 1.0)


def test_four_processes_meet() -> None:
    def meet() -> None:
        with distributed.session("cpu", patience=60.0) as processes:
            assert float(processes.add_up(torch.ones(()))) == 4

    assert together(meet, world=4) == [0, 0, 0, 0]
