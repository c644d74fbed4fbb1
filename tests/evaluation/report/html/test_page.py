"""The page as text: what it holds, what it may load, and that names cannot leave their place."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from siamtrack import evaluation
from siamtrack.evaluation.report.html import write_html
from siamtrack.evaluation.report.html.payload import payload
from tests.evaluation.report.html.material import HOSTILE, NAMES, Material, image


@pytest.fixture(scope="module")
def text(material: Material, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "new" / "report.html"
    evidence = material.evidence(image=image, images=20)
    return write_html(path, material.scores, evidence, reference="SiamBAN", published=True, title=HOSTILE).read_text()


def _data(text: str) -> dict:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_names_are_data_and_nothing_else(text: str) -> None:
    assert HOSTILE in _data(text)["trackers"]
    assert HOSTILE not in text
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "<img" not in text


def test_nothing_is_loaded_from_anywhere(text: str) -> None:
    addresses = set(re.findall(r"https?://[^\"'\s)]*", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(
        r"@import|url\(|<link|src=", re.sub(r"\{.*\}", "", text[text.index("<style") :].split("<script id")[0])
    )


def test_the_policy_lets_only_this_script_and_style_run(text: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none'; img-src data:;")
    for tag in ("style", "script"):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert body
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]


def test_every_number_has_its_protocol_and_is_the_score(material: Material) -> None:
    others = evaluation.evaluate_all(material.truths, material.results, "got10k", benchmark="OTB100")
    data = payload([*material.scores, *others])
    assert [(g["benchmark"], g["protocol"]["name"]) for g in data["groups"]] == [
        ("OTB100", "pysot"),
        ("OTB100", "got10k"),
    ]
    for group, scores in zip(data["groups"], (material.scores, others), strict=True):
        by_name = {score.tracker: score for score in scores}
        for tracker, values in zip(group["trackers"], group["values"], strict=True):
            score = by_name[tracker]
            for metric, value in zip(group["metrics"], values, strict=True):
                assert value == pytest.approx(score.metrics()[metric["name"]], abs=1e-5)
        best = by_name[group["trackers"][0]]
        assert group["curves"][0]["values"][0] == pytest.approx(best.curve("success"), abs=1e-4)
        attribute = group["attributes"][0]
        part = best.with_attribute(attribute["name"])
        assert attribute["values"][0][0] == pytest.approx(part.value(group["metrics"][0]["name"]), abs=1e-5)
        assert attribute["sequences"] == len(part.sequences)
        assert group["sequences"][3]["values"][0][0] == pytest.approx(
            best.sequence_values(group["metrics"][0]["name"])[3], abs=1e-5
        )


def test_trackers_are_ranked_and_keep_their_order_in_the_evidence(material: Material) -> None:
    data = payload(material.scores, material.evidence())
    ranked = sorted(material.scores, key=lambda score: -score.value("success"))
    assert data["trackers"] == data["frames"]["trackers"] == [score.tracker for score in ranked]


def test_comparison_and_published_scores_are_there_when_asked_for(text: str, material: Material) -> None:
    group = _data(text)["groups"][0]
    assert {row["tracker"] for row in group["comparison"]["rows"]} == set(NAMES) - {"SiamBAN"}
    assert any(row["source"] == "hqucv/siamban MODEL_ZOO.md" and row["same"] for row in group["published"]["rows"])
    assert any(not row["same"] for row in group["published"]["rows"])
    plain = payload(material.scores)["groups"][0]
    assert plain["comparison"] is plain["published"] is None
    with pytest.raises(ValueError, match="no scores of 'KCF' to compare to"):
        payload(material.scores, reference="KCF")


def test_a_page_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no scores to report"):
        write_html(tmp_path / "report.html", [])
    assert not list(tmp_path.iterdir())


def test_without_evidence_the_page_is_small(material: Material, tmp_path: Path) -> None:
    assert write_html(tmp_path / "report.html", material.scores).stat().st_size < 120_000
