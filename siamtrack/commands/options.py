"""What several commands ask for in the same words."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

INCOMPLETE = 1  # exit code when some of the work could not be done


def command(commands: Any, name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    """A new command; its help is the first line of ``run``'s docstring."""
    made: argparse.ArgumentParser = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
    made.set_defaults(run=run)
    return made


def configuration(p: argparse.ArgumentParser) -> None:
    """``--cfg``, ``--plugin`` and ``KEY VALUE`` pairs."""
    p.add_argument("--cfg", required=True, help="a YAML file, see configs/")
    p.add_argument("--plugin", action="append", default=[], metavar="MODULE", help="a module that registers parts")
    overrides(p, "TRAIN.BATCH 16")


def overrides(p: argparse.ArgumentParser, example: str) -> None:
    """``KEY VALUE`` pairs anywhere on the line, in ``overrides``."""
    p.set_defaults(overrides=[])
    p.epilog = f"Everything else on the line is KEY VALUE pairs that override the configuration, such as {example}."


def data_root(p: argparse.ArgumentParser) -> None:
    """``--data-root``."""
    p.add_argument("--data-root", help="the data set's folder, or one that holds it (default: $SIAMTRACK_DATA)")


def selection(p: argparse.ArgumentParser) -> None:
    """``--split`` and ``--sequences``."""
    p.add_argument("--split", help="of data sets that have several: train, val, test")
    p.add_argument("--sequences", help="names separated by commas (default: all)")


def listed(names: str | None) -> list[str] | None:
    """``a,b`` -> ``["a", "b"]``; nothing -> ``None``."""
    return names.split(",") if names else None


def chosen(options: argparse.Namespace, found: Mapping[str, Path], what: str) -> dict[str, Path]:
    """The trackers of ``--trackers`` among those found, or all of them: name -> folder.

    Args:
        options: of the command.
        found: tracker -> folder of its results.
        what: they are called, in the sentence.

    Raises:
        ValueError: there is nothing of one of them.
    """
    names = listed(options.trackers) or list(found)
    unknown = sorted(set(names) - set(found))
    if unknown:
        raise ValueError(f"--trackers: no {what} of {', '.join(unknown)}; there are {what} of {', '.join(found)}.")
    return {name: found[name] for name in names}


def given(option: str, value: str | None) -> list[str]:
    """An option for a command that is called in turn, if it has a value."""
    return [option, value] if value else []
