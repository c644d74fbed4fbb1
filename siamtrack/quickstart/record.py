"""What a quickstart's folder says of itself: which request it belongs to, how long what took, how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from siamtrack.config import loads
from siamtrack.engine.resume import differences
from siamtrack.files import write_text

_RECORD = "record.json"
_SUMMARY = "summary.json"


class Record:
    """A folder that belongs to one request and remembers its stages over interruptions.

    Args:
        folder: made if it is not there.
        seed: of world and training.
        world: how much is drawn.
        configuration: the resolved configuration as text.
        started: ``time.perf_counter()`` of when the user began to wait.

    Attributes:
        starts: how many times the work was begun or taken up, this one included.
        seconds: stage -> seconds spent in it; of a stage that was cut short only what came after the last start.

    Raises:
        ValueError: the folder holds something else, or the quickstart of another request.
    """

    def __init__(
        self, folder: Path, seed: int, world: Mapping[str, int], configuration: str, started: float | None = None
    ) -> None:
        self.folder = folder
        self._request = {"seed": seed, "world": dict(world), "configuration": configuration}
        before = self._before()
        self.starts: int = before.get("starts", 0) + 1
        self.seconds: dict[str, float] = before.get("seconds", {})
        self._now = time.perf_counter() if started is None else started
        folder.mkdir(parents=True, exist_ok=True)
        if self.summary() is None:
            self._write()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside, and since the stage before; kept when it ends well."""
        yield
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._now
        self._now = now
        self._write()

    def summary(self) -> dict[str, Any] | None:
        """What ``finish`` wrote, or ``None`` while there is something left to do."""
        try:
            summary: dict[str, Any] = json.loads((self.folder / _SUMMARY).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return summary

    def finish(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """Write ``summary.json`` and return it."""
        write_text(self.folder / _SUMMARY, json.dumps(summary, indent=1) + "\n")
        return dict(summary)

    def _before(self) -> dict[str, Any]:
        """The record of an earlier start, empty where there was none."""
        path = self.folder / _RECORD
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.folder}: is a file; --output names a folder.")
        if not path.is_file():
            if self.folder.is_dir() and any(entry.name != f"{_RECORD}.tmp" for entry in self.folder.iterdir()):
                raise ValueError(f"{self.folder}: holds something that is no quickstart; give another --output.")
            return {}
        try:
            before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            held = {key: before["request"][key] for key in self._request}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: is no record of a quickstart ({error!r}); give another --output.") from error
        if held != self._request:
            raise ValueError(
                f"{self.folder}: holds the quickstart of another request ({_differing(held, self._request)}). Take "
                "that back to go on with it, or give another --output."
            )
        return before

    def _write(self) -> None:
        content = {"starts": self.starts, "seconds": self.seconds, "request": self._request}
        write_text(self.folder / _RECORD, json.dumps(content, indent=1) + "\n")


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What differs between two requests, in words."""
    if old["seed"] != new["seed"]:
        return f"--seed was {old['seed']}, is {new['seed']}"
    if old["world"] != new["world"]:
        return f"the world was {old['world']}, is {new['world']}"
    before, after = (loads(request["configuration"], _RECORD) for request in (old, new))
    return "; ".join(f"{key} was {a!r}, is {b!r}" for key, (a, b) in differences(before, after, ignored=()).items())
