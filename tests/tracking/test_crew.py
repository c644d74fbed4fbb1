"""Jobs over processes: every job has its answer, whatever becomes of the process that had it."""

from __future__ import annotations

import cv2
import pytest
import torch

from siamtrack.tracking.crew import Crew, Failed, Seat, seats
from tests.tracking.jobs import Die, Refuse, Square, Threads


def test_one_place_is_this_process_and_keeps_the_order():
    with Crew([Seat("cpu")]) as crew:
        answers = list(crew.work([Square(3), Refuse(), Square(4)]))
        again = list(crew.work([Square(5)]))
    assert answers == [(0, (9, 1)), (1, Failed("no, thank you.")), (2, (16, 2))]
    assert again == [(0, (25, 3))]  # what a process keeps outlasts a list of jobs


def test_one_place_computes_with_its_threads_and_gives_them_back():
    before = torch.get_num_threads(), cv2.getNumThreads()
    with Crew([Seat("cpu", 3)]) as crew:
        assert [answer for _, answer in crew.work([Threads()])] == [(3, 3)]
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before


@pytest.mark.slow
def test_a_process_that_dies_costs_its_job_and_nothing_else():
    jobs = [Square(1), Die(), Square(2), Refuse(), *(Square(n) for n in range(3, 8)), Threads()]
    with Crew([Seat("cpu", 1)] * 2) as crew:
        answers = dict(crew.work(jobs))
        again = dict(crew.work([Square(9)]))
    assert set(answers) == set(range(len(jobs)))
    squares = [answers[i][0] for i, job in enumerate(jobs) if isinstance(job, Square)]
    assert squares == [1, 4, 9, 16, 25, 36, 49]
    assert answers[1] == Failed("the process that worked on it was killed by signal 9; it may have run out of memory.")
    assert answers[3] == Failed("no, thank you.")
    assert answers[len(jobs) - 1] == (1, 1)
    assert again[0][0] == 81


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"device": "cpu"}, [Seat("cpu", 0)]),
        ({"device": "cpu", "processes": 2, "threads": 3}, [Seat("cpu", 3)] * 2),
    ],
)
def test_places(asked, expected):
    assert seats(**asked) == expected


def test_processes_go_round_the_gpus(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert seats() == [Seat("cuda:0", 4), Seat("cuda:1", 4)]
    assert [seat.device for seat in seats(processes=3)] == ["cuda:0", "cuda:1", "cuda:0"]
    with pytest.raises(ValueError, match="--processes -1"):
        seats(processes=-1)
