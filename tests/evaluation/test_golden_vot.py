"""Published raw results give the numbers their reference toolkit gives: the rows of VOT's challenges."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from siamtrack.evaluation import vot
from tests.evaluation import golden
from tests.evaluation.golden_archives import Library
from tests.external import external

pytestmark = pytest.mark.slow
CLAIMED = [row for row in golden.table() if not golden.is_one_pass(row)]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    external("GOLDEN")
    return Library(tmp_path_factory.mktemp("golden_vot"))


@pytest.mark.parametrize("row", CLAIMED or [{}], ids=golden.name)
def test_golden_vot(row: golden.Row, library: Library) -> None:
    scored = scores(library, library.results_folder(row), row["protocol"], row["benchmark"])
    ours = scored.value(row["metric"])
    assert golden.compare(row, ours), f"{ours} instead of {row['value']}"


@functools.cache
def scores(library: Library, results: Path, protocol: str, benchmark: str) -> vot.VotScores:
    truths = truths_for(library, results, benchmark)
    return vot.evaluate_folders(truths, {results.name: results}, protocol, benchmark=benchmark)[0]


def truths_for(library: Library, results: Path, benchmark: str) -> list[vot.VotTruth]:
    """The annotations of any archive that most runs agree with in name and length; those of the results' own first."""
    best: tuple[int, bool, list[vot.VotTruth]] = (0, False, [])
    for archive in library.archives:
        content = library.content(archive)
        for truths in annotations(content):
            frames = {truth.name: len(truth.regions) for truth in truths}
            found = vot.load_vot_results(results, list(frames), vot.edition(benchmark).experiment)
            agree = sum(len(runs[0].regions) == frames[name] for name, runs in found.runs.items())
            best = max(best, (agree, results.is_relative_to(content), truths), key=lambda fit: fit[:2])
    if not best[0]:
        raise LookupError(f"no archive holds annotations for the runs in {results}.")
    return best[2]


@functools.cache
def annotations(content: Path) -> list[list[vot.VotTruth]]:
    found = []
    for path in sorted(content.rglob("*.json")):
        try:
            found.append(vot.read_annotation(path))
        except ValueError:  # annotations of other benchmarks have no frame sizes
            continue
    return found
