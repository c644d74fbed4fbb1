"""The page in a real browser: opened from a file, without a network, on a wide and on a narrow screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from siamtrack import evaluation
from siamtrack.evaluation.report.html import write_html
from tests.evaluation.report.html.conftest import PATIENCE
from tests.evaluation.report.html.material import HOSTILE, LONG, NAMES, Material, image

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
NOTE = "tuned on <OTB100> itself"
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def report(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    others = evaluation.evaluate_all(material.truths, material.results, "got10k", benchmark="OTB100")
    evidence = material.evidence(image=image, images=20)
    path = tmp_path_factory.mktemp("browser") / "report.html"
    return write_html(
        path, [*material.scores, *others], evidence, reference="SiamBAN", published=True, notes={LONG: [NOTE]}
    )


@pytest.fixture
def open_report(browser: Any, report: Path) -> Iterator[Open]:
    """Opens the page; at the end nothing may have been asked of a network, said on the console or thrown."""
    said: list[str] = []
    contexts = []

    def open_page(viewport: dict[str, int] = WIDE, scheme: str = "light") -> Any:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or said.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_selector(".chart path.line")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not said


def _column(page: Any, table: str, column: int) -> list[str]:
    cells = page.locator(f"table[aria-label^='{table}'] tbody tr > :nth-child({column})")
    return [text.strip() for text in cells.all_inner_texts()]


def test_it_shows_every_section_with_its_protocol(open_report: Open) -> None:
    page = open_report()
    assert page.title() == "OTB100"
    headings = page.locator("section h2").all_inner_texts()
    before, *after = ["Scores", "Plots", "Against SiamBAN", "Attributes", "Speed", "Sequences", "Published scores"]
    assert headings == [before, "By protocol", *after]
    said = page.locator("section > .title .protocol").all_inner_texts()
    assert said == ["OTB100 · protocol pysot", "OTB100", *["OTB100 · protocol pysot"] * 6]  # of several protocols, none
    assert page.locator(".grid .chart path.line").count() == 3 * len(NAMES)


def test_names_are_shown_as_they_are_written(open_report: Open) -> None:
    page = open_report()
    assert HOSTILE in _column(page, "Scores on", 1)
    assert page.locator("img").count() == 0
    assert page.title() == "OTB100"


def test_what_is_to_be_said_of_results_stands_under_the_scores(open_report: Open) -> None:
    page = open_report()
    scores = page.locator("section", has=page.get_by_role("heading", name="Scores", exact=True))
    assert scores.locator("p.warning").all_inner_texts() == [f"{LONG}: {NOTE}"]


def test_tables_sort_by_mouse_and_by_keyboard(open_report: Open) -> None:
    page = open_report()
    values = [float(v) for v in _column(page, "Scores on", 2)]
    assert values == sorted(values, reverse=True)
    head = page.locator("table[aria-label^='Scores on'] th").nth(1)
    assert head.get_attribute("aria-sort") == "descending"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(v) for v in _column(page, "Scores on", 2)] == sorted(values)
    page.locator("table[aria-label^='Scores on'] th button").nth(0).focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") is None
    names = _column(page, "Scores on", 1)
    assert names == sorted(names, key=str.lower)
    assert "SiamBAN" in names


def test_best_and_second_are_marked(open_report: Open) -> None:
    page = open_report()
    rows = page.locator("table[aria-label^='Scores on'] tbody tr")
    assert rows.nth(0).locator(".best").count() >= 1
    assert rows.nth(1).locator(".second").count() >= 1
    weight = rows.nth(0).locator(".best").first.evaluate("e => getComputedStyle(e).fontWeight")
    assert int(weight) >= 700


def test_a_plot_is_read_off_by_pointer_and_by_keys(open_report: Open, material: Material) -> None:
    page = open_report()
    plot = page.locator("figure.chart").first
    plot.scroll_into_view_if_needed()
    box = plot.locator("svg.plot").bounding_box()
    page.mouse.move(box["x"] + 40 + (box["width"] - 52) / 2, box["y"] + 60)
    tip = plot.locator(".tip")
    assert "0.5" in tip.inner_text()
    best = max(material.scores, key=lambda score: score.value("success"))
    assert f"{best.curve('success')[10]:.3f}" in tip.inner_text()
    page.mouse.move(2, 2)
    assert not tip.is_visible()
    plot.locator("svg.plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "0.05" in tip.inner_text()


def test_the_legend_takes_a_tracker_out_of_every_plot(open_report: Open) -> None:
    page = open_report()
    lines = page.locator("path.line")
    before = lines.count()
    chip = page.locator(".legend .chip").first
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false"
    assert lines.count() == before - 5  # three curves, the radar, the overlaps
    chip.click()
    assert lines.count() == before


def test_a_sequence_opens_down_to_its_worst_frames(open_report: Open) -> None:
    page = open_report()
    drill = page.locator(".drill")
    hardest = _column(page, "Success of each sequence", 1)
    assert drill.locator("h3").first.inner_text() == hardest[0]
    page.get_by_role("button", name=hardest[3], exact=True).click()
    assert drill.locator("h3").first.inner_text() == hardest[3]
    assert page.locator("tr[aria-current='true']").count() == 1
    assert drill.locator(".shots figure").count() == 3
    for i in range(3):
        shot = drill.locator(".shots figure").nth(i)
        assert shot.locator("rect.true").count() == 1
        assert shot.locator("rect.mine").count() == 1
    assert drill.locator("image").count() >= 1
    caption = drill.locator(".stage-caption")
    before = caption.inner_text()
    drill.locator("svg.plot").scroll_into_view_if_needed()
    box = drill.locator("svg.plot").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 14, box["y"] + 50)
    assert caption.inner_text() != before
    assert caption.inner_text().startswith("Frame 30 of 30.")
    drill.get_by_role("button", name="sequence after").click()
    assert drill.locator("h3").first.inner_text() == hardest[4]
    drill.get_by_role("button", name=LONG).click()
    assert LONG in drill.locator(".stage-caption").inner_text()


def test_metrics_of_the_sequences_can_be_chosen(open_report: Open) -> None:
    page = open_report()
    section = page.locator("section", has=page.get_by_role("heading", name="Sequences"))
    section.get_by_role("button", name="Precision", exact=True).click()
    assert page.locator("table[aria-label='Precision of each sequence']").count() == 1
    assert page.locator(".drill").count() == 1


def test_another_protocol_is_another_view(open_report: Open) -> None:
    page = open_report()
    page.locator(".views").get_by_role("button", name="got10k").click()
    page.wait_for_selector(".chart path.line")
    said = page.locator("section > .title .protocol").all_inner_texts()
    assert set(said) == {"OTB100 · protocol got10k", "OTB100"}
    assert "SR 0.5" in page.locator("table[aria-label^='Scores on'] thead").inner_text()
    assert "Overlaps by pysot" in page.locator(".drill").inner_text()


def test_protocols_stand_side_by_side_as_fractions(open_report: Open, material: Material) -> None:
    page = open_report()
    table = page.locator("table[aria-label='The same results by every protocol']")
    assert table.locator("thead th").all_inner_texts()[1:] == ["pysot", "got10k"]
    shown = [float(text) for text in table.locator("tbody tr > :nth-child(2)").all_inner_texts()]
    expected = sorted((score.value("success") for score in material.scores), reverse=True)
    assert shown == pytest.approx(expected, abs=6e-4)


def test_published_scores_warn_where_the_protocol_differs(open_report: Open) -> None:
    page = open_report()
    table = page.locator("table[aria-label='Published scores beside these']")
    assert "hqucv/siamban MODEL_ZOO.md" in table.inner_text()
    assert "unstated ⚠" in table.inner_text()
    assert "protocols alone move such numbers" in page.locator("div.warning").inner_text()


@pytest.mark.parametrize("viewport", [WIDE, NARROW, {"width": 320, "height": 600}], ids=["wide", "narrow", "tiny"])
def test_no_screen_scrolls_sideways(open_report: Open, viewport: dict[str, int]) -> None:
    page = open_report(viewport)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= viewport["width"]
    outside = page.evaluate(
        """() => [...document.querySelectorAll('section > *, .chart svg, .drill *, h1')]
            .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll'))
            .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert outside == []


def test_dark_is_dark_and_can_be_left(open_report: Open) -> None:
    page = open_report(scheme="dark")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(paper)
    page.get_by_role("button", name="Light / dark").click()
    light = page.evaluate(paper)
    assert sum(map(int, dark[4:-1].split(","))) < 150 < 600 < sum(map(int, light[4:-1].split(",")))


def test_on_paper_nothing_is_cut_off(open_report: Open) -> None:
    page = open_report(scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert sum(map(int, page.evaluate("getComputedStyle(document.body).color")[4:-1].split(","))) < 150
    tall = page.locator(".tall").first
    assert tall.evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    assert not page.locator(".theme").is_visible()
    assert page.pdf(format="A4")[:4] == b"%PDF"
