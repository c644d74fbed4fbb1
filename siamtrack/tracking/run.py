"""Trackers over the sequences of benchmarks: resumable, on all devices, and one bad sequence does not stop the rest.

``<output>/<benchmark>/<tracker>/<sequence>.txt`` holds x, y, w, h per frame in the numbers of the benchmark's own files
(those that count from 1 get 1 added), so that any toolkit reads them; ``<sequence>_time.txt`` holds seconds per frame,
``meta.json`` what produced them. The first row is the start box. Challenges have files of their own, see
:mod:`siamtrack.tracking.experiment`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from siamtrack.data.sequence import Sequence
from siamtrack.evaluation.folders import tracker_folder
from siamtrack.tracking.crew import Bench, Crew, Failed, Seat
from siamtrack.tracking.experiment import Experiment, OnePass, Part
from siamtrack.tracking.follow import Track, follow
from siamtrack.tracking.progress import Progress
from siamtrack.tracking.recipe import Given, Recipe
from siamtrack.tracking.records import Failure, claim, versions, write_meta
from siamtrack.tracking.tracker import Tracker

__all__ = ["Assignment", "Failure", "Report", "Track", "follow", "run", "run_all", "versions"]


@dataclass(frozen=True)
class Assignment:
    """One tracker on one benchmark.

    Attributes:
        recipe: of the tracker.
        benchmark: its name, also that of the folder.
        sequences: their names become file names.
        experiment: how they are run.
        repeat: runs of each, for stochastic trackers.
        notes: what every table of the results has to say.
        unopened: sequences of the benchmark that could not even be opened.
    """

    recipe: Recipe
    benchmark: str
    sequences: SequenceOf[Sequence]
    experiment: Experiment = field(default_factory=OnePass)
    repeat: int = 1
    notes: tuple[str, ...] = ()
    unopened: tuple[Failure, ...] = ()

    def folder(self, output: Path) -> Path:
        """Where its results stand."""
        return tracker_folder(output, self.benchmark, self.recipe.name)

    def given(self) -> dict[str, Any]:
        """What its results depend on."""
        # runs with and without a number would be read as runs of one tracker
        numbered = {"runs": "numbered"} if self.repeat > 1 and isinstance(self.experiment, OnePass) else {}
        return {**self.recipe.facts(), **self.experiment.facts(), **numbered}


@dataclass(frozen=True)
class Report:
    """What became of an assignment.

    Attributes:
        folder: of its results.
        failures: the sequences that failed, with their reasons, which are also in ``meta.json``.
        tracked: sequences whose results are complete.
    """

    folder: Path
    failures: tuple[Failure, ...]
    tracked: int


@dataclass(frozen=True)
class _Job:
    """One part of one sequence."""

    recipe: Recipe
    experiment: Experiment
    sequence: Sequence
    part: Part
    folder: Path

    def do(self, bench: Bench) -> Mapping[str, float]:
        return self.experiment.run(bench.tracker(self.recipe), self.sequence, self.part, self.folder)


def run_all(assignments: SequenceOf[Assignment], output: Path, places: SequenceOf[Seat] = (Seat(),)) -> list[Report]:
    """Track everything that has no complete result yet, long sequences first.

    Results do not depend on the number of processes, as long as each has the same number of threads: with another
    number a network's last bits may differ.

    Args:
        assignments: each has its own folder.
        output: folder above ``<benchmark>/<tracker>/``.
        places: one process each.

    Returns:
        A report for each assignment.

    Raises:
        ValueError: a folder holds results of something else under the tracker's name.
    """
    given = [assignment.given() for assignment in assignments]
    for assignment, facts in zip(assignments, given, strict=True):
        folder = assignment.folder(output)
        folder.mkdir(parents=True, exist_ok=True)
        claim(folder, facts)
        write_meta(folder, assignment.recipe.name, assignment.benchmark, facts, notes=assignment.notes)
    failures: list[list[Failure]] = [list(assignment.unopened) for assignment in assignments]
    jobs: list[tuple[int, _Job]] = []
    for number, assignment in enumerate(assignments):
        jobs += [(number, job) for job in _pending(assignment, output, failures[number])]
    # tracker by tracker, since a process holds one at a time; of each the longest first, so that none is left alone
    order = {recipe.name: i for i, recipe in reversed(list(enumerate(a.recipe for a in assignments)))}
    jobs.sort(key=lambda item: (order[item[1].recipe.name], -item[1].part.frames))
    _do([job for _, job in jobs], [failures[number] for number, _ in jobs], places)
    reports = [_report(a, output, failed) for a, failed in zip(assignments, failures, strict=True)]
    for assignment, facts, report in zip(assignments, given, reports, strict=True):
        name, benchmark = assignment.recipe.name, assignment.benchmark
        write_meta(report.folder, name, benchmark, facts, report.failures, assignment.notes)
    return reports


def run(
    tracker: Tracker,
    sequences: Iterable[Sequence],
    output: Path,
    benchmark: str,
    meta: dict[str, Any] | None = None,
) -> list[Failure]:
    """One tracker that is there already on one benchmark, in this process; otherwise as :func:`run_all`.

    Args:
        tracker: started anew on each sequence.
        sequences: their names become file names.
        output: folder above ``<benchmark>/<tracker>/``.
        benchmark: its name.
        meta: further facts for ``meta.json``; results made from other facts are not gone on with.

    Returns:
        The sequences that failed.
    """
    assignment = Assignment(Given(tracker, meta or {}), benchmark, list(sequences))
    return list(run_all([assignment], output)[0].failures)


def _pending(assignment: Assignment, output: Path, failures: list[Failure]) -> list[_Job]:
    """What is left to do of an assignment; sequences that the experiment refuses join the failures."""
    folder, jobs = assignment.folder(output), []
    for sequence in assignment.sequences:
        try:
            parts = assignment.experiment.parts(sequence, assignment.repeat)
        except ValueError as error:
            failures.append(Failure(sequence.name, str(error)))
            continue
        for part in parts:
            if not assignment.experiment.complete(folder, sequence, part):
                jobs.append(_Job(assignment.recipe, assignment.experiment, sequence, part, folder))
    return jobs


def _do(jobs: SequenceOf[_Job], failures: SequenceOf[list[Failure]], places: SequenceOf[Seat]) -> None:
    """Do the jobs; what fails joins the list of its assignment."""
    if not jobs:
        return
    progress = Progress(_title(jobs), len(jobs), sum(job.part.frames for job in jobs))
    with contextlib.closing(progress), Crew(places) as crew:
        for i, answer in crew.work(jobs):
            job, failed = jobs[i], isinstance(answer, Failed)
            if failed and all(failure.sequence != job.sequence.name for failure in failures[i]):
                failures[i].append(Failure(job.sequence.name, answer.reason))
            progress.finished(job.sequence.name, job.part.frames, {} if failed else answer)


def _title(jobs: SequenceOf[_Job]) -> str:
    """What is run on what."""
    trackers = list(dict.fromkeys(job.recipe.name for job in jobs))
    benchmarks = list(dict.fromkeys(job.folder.parent.name for job in jobs))
    return f"{_some(trackers, 'trackers')} on {_some(benchmarks, 'benchmarks')}"


def _some(names: list[str], what: str) -> str:
    return ", ".join(names) if len(names) <= 2 else f"{len(names)} {what}"


def _report(assignment: Assignment, output: Path, failures: SequenceOf[Failure]) -> Report:
    """Failures in the order of the sequences, as they are known to the benchmark."""
    order = {sequence.name: i for i, sequence in enumerate(assignment.sequences)}
    lost = sorted(failures, key=lambda failure: order.get(failure.sequence, -1))
    return Report(assignment.folder(output), tuple(lost), len(order.keys() - {failure.sequence for failure in lost}))
