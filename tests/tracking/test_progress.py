"""What a run over sequences says of itself where there is no terminal."""

from __future__ import annotations

import logging

import pytest

from siamtrack.tracking import progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when told to."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_are_few_and_say_how_long_it_takes(clock, caplog):
    caplog.set_level(logging.INFO, logger=progress.log.name)
    said = progress.Progress("tracker on set", 4, 1000)
    for name, frames, auc in (("a", 100, 0.5), ("b", 100, 0.7), ("c", 300, 0.9)):
        clock[0] += 6
        said.finished(name, frames, {"AUC": auc})
    said.finished("d", 500, {})  # failed: counts, but has no number
    said.close()
    assert [record.message for record in caplog.records] == [
        # after 6 s nothing yet; after 12 s for 200 of 1000 frames, 48 s are left
        "tracker on set: 2 of 4, AUC 0.600 done, last b, about 48 s to go",
        "tracker on set: 4 of 4, AUC 0.700 done, last d",
    ]


def test_hours_are_minutes(clock, caplog):
    caplog.set_level(logging.INFO, logger=progress.log.name)
    said = progress.Progress("t", 3, 100)
    clock[0] += 60
    said.finished("a", 10, {})
    said.close()
    assert caplog.records[0].message == "t: 1 of 3 done, last a, about 9 min to go"
