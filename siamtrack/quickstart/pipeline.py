"""The quickstart from top to bottom; killed at any point and called again, it goes on from where it was."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console

from siamtrack import config, evaluation
from siamtrack.data.decode import keep_heap
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import Sequence
from siamtrack.data.synthetic import write_dataset
from siamtrack.engine.task import tasks
from siamtrack.engine.train import train
from siamtrack.evaluation import Scores, Truth
from siamtrack.evaluation.report import tables, write_report
from siamtrack.evaluation.report.html import Evidence, write_html
from siamtrack.files import write_text
from siamtrack.preview.video import find_video
from siamtrack.quickstart.film import write_film
from siamtrack.quickstart.picture import write_picture
from siamtrack.quickstart.record import Record
from siamtrack.registry import load_plugins
from siamtrack.tracking import load_tracker
from siamtrack.tracking.baselines import OpenCVTracker, StaticTracker, opencv_trackers
from siamtrack.tracking.run import run, versions
from siamtrack.tracking.task import TrackingTask  # noqa: F401 - registers itself
from siamtrack.tracking.tracker import Tracker

log = logging.getLogger(__name__)

BENCHMARK = "synthetic"
PROTOCOL = "pysot"
TRACKER = "siamban-quickstart"


@dataclass(frozen=True)
class World:
    """How much is drawn: sequences, and frames of each."""

    train: int = 600
    test: int = 24
    train_frames: int = 6
    test_frames: int = 40


def quickstart(
    output: str | os.PathLike[str],
    seed: int = 0,
    cfg: str | os.PathLike[str] = Path("configs") / "quickstart.yaml",
    overrides: SequenceOf[str] = (),
    world: World = World(),
    device: str | None = None,
    started: float | None = None,
) -> dict[str, Any]:
    """Draw, train, test, evaluate and show.

    Args:
        output: folder of everything that is written: ``summary.json`` (last), ``config.yaml``, ``world/``,
            ``training/``, ``results/``, ``report/`` (rows, tables, plots), ``report.html``, ``film.mp4``,
            ``picture.png``.
        seed: of the world and of training.
        cfg: what is trained.
        overrides: ``KEY VALUE KEY VALUE ...`` over it.
        world: how much is drawn.
        device: ``None``: the GPU if there is one.
        started: ``time.perf_counter()`` of when the user began to wait; ``None``: now.

    Returns:
        What stands in ``summary.json``: ``success_auc``, ``static_auc``, ``opencv_auc`` per tracker of OpenCV,
        ``precision``, ``sequences``, ``seed``, ``seconds`` in all and per stage, ``starts``, ``device``, ``threads``,
        ``versions``.

    Raises:
        ValueError: the folder holds another quickstart; the configuration does not fit; a sequence could not be
            tracked.
        OSError: something cannot be written.
    """
    settings = config.load(cfg, [*overrides, "SEED", str(seed)])
    load_plugins(settings.PLUGINS)
    folder = Path(output)
    record = Record(folder, seed, asdict(world), config.dump(settings), started)
    summary = record.summary()
    if summary is not None and _complete(folder):
        print(f"{folder} is complete: nothing is left to do. --output takes another folder.")
        sequences = _held_out(folder)
        _show(folder, _evaluate(sequences, folder, summary["trackers"]).scores, summary)
        return summary

    write_text(folder / "config.yaml", config.dump(settings))
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cpu":
        keep_heap()
    _say(1, f"draw {world.train} training and {world.test} held-out sequences of world {seed}")
    with record.stage("draw"):
        write_dataset(folder / "world", seed, **asdict(world))

    _say(2, f"train on {device}")
    with record.stage("train"):
        run_folder = folder / "training"
        task = tasks.build(settings.TASK, cfg=settings, data_root=str(folder / "world"))
        weights = train(settings, task, run_folder, resume=_begun(run_folder), device=device)

    sequences = _held_out(folder)
    _say(3, f"track {len(sequences)} held-out sequences")
    with record.stage("test"):
        names = [
            _track(tracker, sequences, folder, meta) for tracker, meta in _trackers(weights, device, settings, seed)
        ]

    _say(4, "evaluate")
    with record.stage("evaluate"):
        scores, evidence = _evaluate(sequences, folder, [name for name in names if name])
        write_report(folder / "report", scores)
        title = f"siamtrack quickstart, seed {seed}"
        write_html(folder / "report.html", scores, evidence, reference=StaticTracker.name, title=title)

    _say(5, "film and picture")
    with record.stage("show"):
        predicted = _predicted(sequences, evidence)
        caption = f"{title}: held-out sequences, success AUC {scores[0].value('success'):.3f}"
        write_film(folder / "film", sequences, predicted, caption, TRACKER)
        write_picture(folder / "picture.png", sequences, predicted, scores, TRACKER)

    summary = record.finish(_summary(scores, seed, record, device))
    _show(folder, scores, summary)
    return summary


def _say(number: int, what: str) -> None:
    print(f"[{number}/5] {what}", flush=True)


def _held_out(folder: Path) -> list[Sequence]:
    return list(open_dataset("got10k", folder / "world", split="test"))


def _begun(run_folder: Path) -> bool:
    return run_folder.is_dir() and any(run_folder.iterdir())


def _trackers(weights: Path, device: str, settings: Any, seed: int) -> Iterable[tuple[Tracker, dict[str, Any]]]:
    """The trained tracker first, then those it should be better than, each with what its results depend on."""
    trained = load_tracker(weights, device)
    trained.name = TRACKER
    yield (
        trained,
        {"sha256": hashlib.sha256(weights.read_bytes()).hexdigest(), "track": config.to_plain(settings.TRACK)},
    )
    yield StaticTracker(), {}
    for name in opencv_trackers():
        yield OpenCVTracker(name, seed), {"seed": seed}


def _track(tracker: Tracker, sequences: SequenceOf[Sequence], folder: Path, meta: dict[str, Any]) -> str | None:
    """Run a tracker; its name, or ``None`` if it is not ours and has failed."""
    failures = run(tracker, sequences, folder / "results", BENCHMARK, meta)
    if not failures:
        return tracker.name
    said = f"{tracker.name}: {len(failures)} of {len(sequences)} sequences failed; {failures[0].sequence}: "
    if tracker.name == TRACKER:
        raise ValueError(said + failures[0].reason)
    log.warning("%s%s It is left out of the table.", said, failures[0].reason)
    return None


class _Evaluated(NamedTuple):
    """Scores in the order of the trackers, and the boxes they come from."""

    scores: list[Scores]
    evidence: Evidence


def _evaluate(sequences: SequenceOf[Sequence], folder: Path, names: SequenceOf[str]) -> _Evaluated:
    truths = [Truth(s.name, s.file_boxes, visible=s.visible, cover=s.cover) for s in sequences]
    frames = {s.name: len(s) for s in sequences}
    results = [
        evaluation.load_results(evaluation.tracker_folder(folder / "results", BENCHMARK, name), frames, name)
        for name in names
    ]
    images = {s.name: s.frames for s in sequences}
    worst = 3 * len(names) * len(sequences)  # all that the page shows
    evidence = Evidence(truths, results, lambda name, frame: images[name][frame], worst, sequences[0].offset)
    return _Evaluated(evaluation.evaluate_all(truths, results, PROTOCOL, benchmark=BENCHMARK), evidence)


def _predicted(sequences: SequenceOf[Sequence], evidence: Evidence) -> dict[str, np.ndarray]:
    """The first tracker's boxes per sequence, ``[F, 4]`` xywh in frame px."""
    boxes = evidence.results[0].boxes
    return {s.name: boxes[s.name][0] - np.array([s.offset, s.offset, 0, 0]) for s in sequences}


def _summary(scores: SequenceOf[Scores], seed: int, record: Record, device: str) -> dict[str, Any]:
    auc = {score.tracker: round(score.value("success"), 4) for score in scores}
    own = scores[0]
    return {
        "success_auc": auc[TRACKER],
        "static_auc": auc[StaticTracker.name],
        "opencv_auc": {name: value for name, value in auc.items() if name not in (TRACKER, StaticTracker.name)},
        "protocol": own.protocol.name,
        "trackers": list(auc),
        "sequences": len(own.sequences),
        "sequence_auc": dict(zip(own.sequences, own.sequence_values("success").round(4).tolist(), strict=True)),
        "seed": seed,
        "seconds": round(sum(record.seconds.values()), 1),
        "stage_seconds": {stage: round(value, 1) for stage, value in record.seconds.items()},
        "starts": record.starts,
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "threads": torch.get_num_threads(),
        "versions": versions(),
    }


def _complete(folder: Path) -> bool:
    """Whether everything that the summary sums up is still there."""
    files = ("config.yaml", "report/rows.json", "report/tables.md", "report.html", "picture.png")
    return all((folder / file).is_file() for file in files) and find_video(folder / "film") is not None


def _show(folder: Path, scores: SequenceOf[Scores], summary: dict[str, Any]) -> None:
    """The table, and where things lie."""
    for table in tables.scores_tables(scores):
        Console().print(tables.terminal(table))
    film = find_video(folder / "film")
    lies = {
        "scores": folder / "summary.json",
        "report, to open": folder / "report.html",
        "tables, plots": folder / "report",
        "film": film,
        "picture": folder / "picture.png",
        "weights": folder / "training" / "checkpoints",
        "boxes": folder / "results",
        "data": folder / "world",
    }
    for what, where in lies.items():
        print(f"{what:>15}  {where}")
    once = "" if summary["starts"] == 1 else f", begun {summary['starts']} times"
    print(f"success AUC {summary['success_auc']:.3f} in {summary['seconds']:.0f} s{once}")
