"""A search on disk: ``study.json`` says what is searched, ``trials.jsonl`` holds a line for every trial."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from siamtrack.files import write_text
from siamtrack.tuning.space import pairs

STUDY, TRIALS = "study.json", "trials.jsonl"


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    Attributes:
        number: from 0.
        values: key -> value.
        score: on the validation set; ``None`` where the trial failed.
        seconds: that it took.
        reason: why it failed.
    """

    number: int
    values: dict[str, Any]
    score: float | None
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a search has found.

    Attributes:
        trial: the best one.
        overrides: its ``KEY VALUE`` pairs.
        notes: what tables of results with them have to say.
    """

    trial: Trial
    overrides: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass
class Study:
    """A search and its trials so far.

    Attributes:
        folder: where it stands.
        facts: what the scores depend on.
        notes: what tables of results with its settings have to say.
        trials: in order.
    """

    folder: Path
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    trials: list[Trial] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, facts: Mapping[str, Any], notes: Sequence[str] = ()) -> Study:
        """Begin a search, or go on with the one in the folder.

        Raises:
            ValueError: the folder holds another search, or something else.
        """
        if not (folder / STUDY).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            study = cls(folder, facts, tuple(notes))
            write_text(folder / STUDY, json.dumps({"facts": dict(facts), "notes": list(notes)}, indent=1) + "\n")
            return study
        study = cls.read(folder)
        differing = sorted(key for key in {*study.facts, *facts} if study.facts.get(key) != facts.get(key))
        if differing:
            key = differing[0]
            raise ValueError(
                f"{folder}: holds another search ({', '.join(differing)} differ: {study.facts.get(key)!r} there, "
                f"{facts.get(key)!r} now); take another --output."
            )
        return study

    @classmethod
    def read(cls, folder: Path) -> Study:
        """The search in a folder.

        Raises:
            ValueError: there is none, or its files are damaged.
        """
        path = folder / STUDY
        if not path.is_file():
            raise ValueError(f"{folder}: holds no search ({STUDY} is missing); siamtrack tune --output writes one.")
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            trials = _read_trials(folder / TRIALS)
            return cls(folder, about["facts"], tuple(about["notes"]), trials)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{folder}: is not what siamtrack tune wrote ({error}); take another folder.") from error

    def add(self, trial: Trial) -> None:
        """Store a trial; a crash leaves all trials or all but this one."""
        self.trials.append(trial)
        lines = (json.dumps(asdict(t), allow_nan=False) for t in self.trials)
        write_text(self.folder / TRIALS, "".join(f"{line}\n" for line in lines))

    def outcome(self) -> Outcome:
        """The best trial; of equal ones the first.

        Raises:
            ValueError: no trial has a score.
        """
        scored = [trial for trial in self.trials if trial.score is not None]
        if not scored:
            why = f"; the last one failed: {self.trials[-1].reason}" if self.trials else ""
            raise ValueError(f"{self.folder}: no trial has a score{why}.")
        best = max(scored, key=lambda trial: (trial.score or 0.0, -trial.number))
        return Outcome(best, pairs(best.values), self.notes)


def _read_trials(path: Path) -> list[Trial]:
    if not path.is_file():
        return []
    return [Trial(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
