"""The doors of the house: ``siamtrack COMMAND``, or ``tools/*.py``, which are the same commands as scripts.

What a user did wrong ends in one sentence and exit code 2; ``SIAMTRACK_TRACEBACK=1`` shows where it was raised.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence

from siamtrack.commands import ablate, convert, data, demo, evaluate, export, model, pack, quickstart, test, train, tune

COMMANDS = (train, test, demo, evaluate, ablate, tune, convert, export, pack, quickstart, data, model)
WRONG = 2  # exit code for a sentence about what the user gave


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the process's exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    options = _parsed(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (ValueError, OSError) as error:  # every error of the house is a ValueError whose text is a sentence
        if os.environ.get("SIAMTRACK_TRACEBACK") == "1":
            raise
        print(f"siamtrack {options.command}: {error}", file=sys.stderr)
        return WRONG


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, with ``KEY VALUE`` pairs from anywhere on the line in ``overrides``."""
    top = parser()
    options, rest = top.parse_known_args(arguments)
    wrong = [word for word in rest if word.startswith("--")] if hasattr(options, "overrides") else rest
    if wrong:
        top.error(f"{options.command} does not know {' '.join(wrong)}; see siamtrack {options.command} --help")
    options.overrides = rest
    return options


def door(command: str) -> None:
    """What a script under ``tools/`` does: its own name's command."""
    sys.exit(main([command, *sys.argv[1:]]))


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(prog="siamtrack", description="Train, test and evaluate Siamese trackers.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
