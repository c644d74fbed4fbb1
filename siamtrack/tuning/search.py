"""The search itself: a tracker's settings, tried on the sequences of a validation set.

The settings of a tracker leave its network alone, so a process loads that once, and keeps decoded frames as long as
they fit: what a trial costs is tracking.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from siamtrack import evaluation
from siamtrack.config import override
from siamtrack.data.sequence import Sequence as Video
from siamtrack.tracking.crew import Bench, Crew, Failed, Seat
from siamtrack.tracking.follow import follow, reseed
from siamtrack.tracking.load import build_tracker, load_network
from siamtrack.tracking.recipe import FromCheckpoint
from siamtrack.tracking.tracker import Tracker
from siamtrack.tuning.space import pairs
from siamtrack.tuning.suggest import Suggester
from siamtrack.tuning.trials import Study, Trial

log = logging.getLogger(__name__)

PATIENCE = 3  # trials without a single score before the search gives up: a damaged sequence fails in every trial

Score = Callable[[dict[str, np.ndarray]], float]  # boxes by sequence, in the files' numbers -> what is maximised


def search(
    study: Study,
    recipe: FromCheckpoint,
    videos: Sequence[Video],
    score: Score,
    suggest: Suggester,
    trials: int,
    places: Sequence[Seat],
    memory: float = 2.0,
) -> None:
    """Go on with a study until it has so many trials.

    Args:
        study: gets them.
        recipe: of the tracker.
        videos: the validation set.
        score: of one trial.
        suggest: what to try.
        trials: how many there shall be.
        places: processes.
        memory: for decoded frames, GB in each process.

    Raises:
        ValueError: the first trials have all failed; says why.
    """
    longest_first = sorted(videos, key=lambda video: -len(video))
    with Crew(places) as crew:
        for number in range(len(study.trials), trials):
            values = suggest(number, study.trials)
            began = time.perf_counter()
            jobs = [_Job(recipe, pairs(values), video, memory) for video in longest_first]
            reached, reason = _score(crew, jobs, score)
            study.add(Trial(number, values, reached, round(time.perf_counter() - began, 2), reason))
            _say(study, trials)
            if len(study.trials) >= PATIENCE and all(trial.score is None for trial in study.trials):
                raise ValueError(f"none of {len(study.trials)} trials has a score, so no other will; {reason}")


@dataclass(frozen=True)
class _Job:
    """One sequence with one setting."""

    recipe: FromCheckpoint
    settings: tuple[str, ...]
    video: Video
    memory: float

    def do(self, bench: Bench) -> np.ndarray:
        """``[F, 4]`` boxes in the numbers of the benchmark's files."""
        tracker = _tracker(bench, self.recipe, self.settings)
        reseed(tracker, 0)
        boxes = follow(tracker, _held(bench, self.video, self.memory)).boxes
        numbers: np.ndarray = boxes + np.array([self.video.offset, self.video.offset, 0.0, 0.0])
        return numbers


def _score(crew: Crew, jobs: Sequence[_Job], score: Score) -> tuple[float | None, str]:
    """The score of one setting, or why it has none."""
    boxes: dict[str, np.ndarray] = {}
    reason = ""
    for i, answer in crew.work(jobs):
        name = jobs[i].video.name
        if isinstance(answer, Failed):
            reason = reason or f"{name}: {answer.reason}"
        else:
            boxes[name] = answer
    if reason:
        return None, reason
    reached = score(boxes)
    return (reached, "") if math.isfinite(reached) else (None, f"the score is {reached}")


def scorer(truths: Sequence[Any], protocol: str, benchmark: str) -> Score:
    """The first metric of a protocol.

    Args:
        truths: of all sequences.
        protocol: its name; empty: the benchmark's usual one.
        benchmark: its name.
    """
    rules = evaluation.resolve(protocol, benchmark)

    def reached(boxes: dict[str, np.ndarray]) -> float:
        return evaluation.evaluate(truths, boxes, rules, benchmark=benchmark).value(rules.metrics[0].name)

    return reached


def _tracker(bench: Bench, recipe: FromCheckpoint, settings: tuple[str, ...]) -> Tracker:
    """The tracker with a setting, around the network that the process has."""
    if bench.kept.get("recipe") != recipe:
        loaded = load_network(recipe.checkpoint, recipe.overrides)
        device = bench.seat.device or ("cuda" if torch.cuda.is_available() else "cpu")
        bench.kept.update(recipe=recipe, cfg=loaded.cfg, network=loaded.network.to(device), device=device)
    if bench.kept.get("settings") != settings:
        cfg = override(bench.kept["cfg"], settings)
        bench.kept["tracker"] = build_tracker(cfg, bench.kept["network"], bench.kept["device"])
        bench.kept["settings"] = settings
    tracker: Tracker = bench.kept["tracker"]
    return tracker


def _held(bench: Bench, video: Video, memory: float) -> Video:
    """The sequence with its frames decoded, if they still fit; what is held stays."""
    held: dict[str, Video] = bench.kept.setdefault("held", {})
    if video.name not in held:
        room = memory * 1e9 - bench.kept.get("bytes", 0)
        frames = _decoded(video, room)
        if frames is None:
            return video
        bench.kept["bytes"] = bench.kept.get("bytes", 0) + sum(frame.nbytes for frame in frames)
        held[video.name] = dataclasses.replace(video, frames=frames)
    return held[video.name]


def _decoded(video: Video, room: float) -> list[np.ndarray] | None:
    frames: list[np.ndarray] = []
    for frame in itertools.islice(video.frames, len(video)):
        frames.append(frame)
        if frames[0].nbytes * len(video) > room:
            return None
    return frames


def _say(study: Study, trials: int) -> None:
    """A line for the trial that was stored last."""
    last = study.trials[-1]
    said = f"{last.score:.4f}" if last.score is not None else f"failed: {last.reason}"
    best = max((trial.score for trial in study.trials if trial.score is not None), default=float("nan"))
    values = ", ".join(f"{key} {value}" for key, value in last.values.items())
    left = float(np.mean([trial.seconds for trial in study.trials])) * (trials - len(study.trials))
    to_go = f", about {left / 60:.0f} min to go" if left > 90 else ""
    log.info("trial %d of %d: %s (best %.4f) with %s%s", last.number + 1, trials, said, best, values, to_go)
