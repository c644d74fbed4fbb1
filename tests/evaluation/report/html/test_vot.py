"""VOT's scores as a view of the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from siamtrack.evaluation.report.html import write_html
from siamtrack.evaluation.report.html.payload import payload
from siamtrack.evaluation.vot import VotScores, edition, resolve_vot
from tests.evaluation.report.html.material import Material

TRACKERS = {"KCF": 0.3, "SiamBAN": 0.9, "Ocean": 0.8}


def _scores(benchmark: str) -> list[VotScores]:
    about = edition(benchmark)
    assert about is not None
    rules = resolve_vot("", about)
    return [_made(name, level, benchmark, rules) for name, level in TRACKERS.items()]


def _made(name: str, level: float, benchmark: str, rules: Any) -> VotScores:
    values = {metric.name: 1 - level if metric.better == "less" else level for metric in rules.metrics}
    curve = level * np.exp(-np.arange(450) / 300)
    longterm = rules.experiment == "longterm"
    curves = {"f1": curve[:100], "precision": curve[:100], "recall": curve[:100]} if longterm else {"eao": curve}
    return VotScores(
        name, benchmark, rules, ("ants1", "bag"), values, {"accuracy": np.array([level, level / 2])}, curves,
        None if longterm else (level, 0.6), {} if longterm else {"camera_motion": {"eao": level / 3}},
    )  # fmt: skip


def test_the_best_comes_first_and_numbers_are_the_scores() -> None:
    (group,) = payload(_scores("VOT2018"))["groups"]
    assert group["trackers"] == ["SiamBAN", "Ocean", "KCF"]
    assert [metric["name"] for metric in group["metrics"]] == ["eao", "accuracy", "robustness", "lost_number"]
    assert [metric["less"] for metric in group["metrics"]] == [False, False, True, True]
    assert group["values"][0] == pytest.approx([0.9, 0.9, 0.1, 0.1])
    (curve,) = group["curves"]
    assert curve["band"] == [100, 356]
    assert curve["grid"][0] == 1
    assert curve["values"][2][:3] == pytest.approx(0.3 * np.exp(-np.arange(1, 4) / 300), abs=1e-4)
    assert group["points"]["at"][0] == [0.9, 0.6]
    assert group["attributes"][0]["values"][0] == [0.3, None, None, None]
    assert group["sequences"][1]["values"][2] == [None, 0.15, None, None]


def test_long_term_has_its_own_curve() -> None:
    (group,) = payload(_scores("VOT2018-LT"))["groups"]
    assert [curve["name"] for curve in group["curves"]] == ["f1"]
    assert group["points"] is None


def test_it_opens_beside_one_pass_evaluation(browser: Any, material: Material, tmp_path: Path) -> None:
    path = write_html(tmp_path / "report.html", [*_scores("VOT2018"), *material.scores], published=True)
    said: list[str] = []
    page = browser.new_context(viewport={"width": 390, "height": 844}, offline=True).new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector(".chart path.line")
    assert page.locator("rect.band").count() == 1
    assert page.locator("section h2").all_inner_texts() == [
        "Scores",
        "Plots",
        "Attributes",
        "Sequences",
        "Published scores",
    ]
    fewest = page.locator("table[aria-label^='Scores on'] tbody tr").nth(0).locator("td").nth(2)
    assert fewest.get_attribute("class") == "best"
    assert "0.489" in page.locator("table[aria-label='Published scores beside these']").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".views .chip").nth(1).click()
    page.wait_for_selector(".grid .chart:nth-child(3) path.line")
    assert not said
