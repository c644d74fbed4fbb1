"""Published raw results give the numbers their reference toolkit gives: every one-pass row of the golden table."""

from __future__ import annotations

import csv
import functools
import tarfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from siamtrack import evaluation
from siamtrack.evaluation import TrackerResults, Truth
from siamtrack.evaluation.formats import parse_boxes
from tests.external import FOLDERS, external

pytestmark = pytest.mark.slow


def golden_rows() -> list[dict[str, str]]:
    table = FOLDERS["GOLDEN"] / "EXPECTED.tsv"
    if not table.is_file():
        return [{}]  # one test, which says what is missing
    with table.open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["protocol"] in evaluation.PROTOCOLS]


@functools.cache
def archive(path: Path) -> dict[PurePosixPath, str]:
    with tarfile.open(path) as tar:
        members = [(m.name, tar.extractfile(m)) for m in tar if m.name.endswith(".txt")]
        return {PurePosixPath(name): file.read().decode() for name, file in members if file is not None}


@functools.cache
def truths(path: Path) -> list[Truth]:
    files = archive(path)
    made = []
    for name, text in sorted(files.items()):
        if name.parts[0] == "anno":
            boxes = parse_boxes(text, str(name), allow_nan=True)
            if name.stem == "Tiger1":
                boxes = boxes[5:354]  # the benchmark's frame window
            flags = files.get(PurePosixPath("absent") / name.name)
            visible = None if flags is None else np.array(flags.split(), int) == 0
            made.append(Truth(name.stem, boxes, visible=visible))
    return made


@functools.cache
def scores(path: Path, tracker: str, protocol: str, benchmark: str, folder: Path) -> evaluation.Scores:
    found: TrackerResults = evaluation.load_results(folder, {t.name: len(t.boxes) for t in truths(path)}, tracker)
    return evaluation.evaluate(truths(path), found, protocol, benchmark=benchmark)


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("golden")


@pytest.mark.parametrize("row", golden_rows(), ids=lambda r: "-".join(list(r.values())[:4]) or "missing")
def test_golden(row: dict[str, str], unpacked: Path) -> None:
    path = external("GOLDEN") / row["archive_member"].partition(":")[0]
    folder = unpacked / path.name / row["tracker"]
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for name, text in archive(path).items():
            if name.parts[:2] == ("results", row["tracker"]):
                (folder / name.name).write_text(text)
    measured = scores(path, row["tracker"], row["protocol"], row["benchmark"], folder).value(row["metric"])
    # a tolerance below the last printed digit cannot be asked of the printed value
    printed = 0.5 * 10.0 ** -len(row["value"].partition(".")[2])
    assert measured == pytest.approx(float(row["value"]), rel=0, abs=max(float(row["tolerance"]), printed))
