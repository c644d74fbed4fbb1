"""What the tracking task refuses before anything is read or trained."""

from __future__ import annotations

from typing import Any

import pytest

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.data.sequence import DataError
from siamtrack.losses.registry import terms
from siamtrack.tracking.task import TrackingTask
from tests.tiny import TINY

CORNERS = {
    **TINY,
    "MODEL": {**TINY["MODEL"], "HEAD": {"NAME": "corner", "HIDDEN": 16}},
    "TARGETS": {"NAME": "corners"},
    "LOSSES": [{"NAME": "presence"}],
}


def task(tree: dict[str, Any], **more: Any) -> TrackingTask:
    return TrackingTask(config.loads(config.dump({**tree, **more}), "the test"), "no/such/folder")


def test_a_term_for_which_the_head_gives_nothing_is_refused_at_once():
    with pytest.raises(ConfigError, match="'align' judges a second score, but this head makes none"):
        task(TINY, LOSSES=[{"NAME": "cross_entropy"}, {"NAME": "align"}])
    with pytest.raises(ConfigError, match="'presence' judges a score, but the head gives none"):
        task(CORNERS)


def test_a_term_that_reads_numbers_is_none_the_worse_for_it(monkeypatch):
    class Reading:
        serves = terms.get("iou").serves

        def __call__(self, prediction, targets):
            return prediction.logit[targets.label == 1].sum() * float(targets.box.sum())

    monkeypatch.setitem(terms._classes, "reading", Reading)
    with pytest.raises(DataError):  # that far it came
        task(TINY, LOSSES=[{"NAME": "reading"}])
