"""Many generated files through every reader, and a record of what came of it.

    python -m tests.fuzz.record --count 100000 --json experiments/records/fuzz/readers.json

Inputs follow from their number alone, so that a failure can be repeated: ``generate(number)``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from siamtrack import __version__
from tests.fuzz.inputs import generate
from tests.fuzz.targets import TARGETS, Broken, attempt


def kind(sentence: str) -> str:
    """A sentence without what is particular to its input."""
    text = re.sub(r"^\S+?(, (line|row|sequence) \S+)?:", "FILE:", sentence.splitlines()[0])
    text = re.sub(r"""'[^']*'|"[^"]*"|\(.*?\)""", "...", text)
    return re.sub(r"-?\d+", "N", text)[:80]


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz everything that reads text.")
    parser.add_argument("--count", type=int, default=100_000, help="inputs (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (default: 0)")
    parser.add_argument("--json", metavar="FILE", help="write the record there")
    options = parser.parse_args()
    read: Counter[str] = Counter()
    sentences: dict[str, Counter[str]] = {name: Counter() for name in TARGETS}
    broken: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "input.txt")
        for number in range(options.first, options.first + options.count):
            path.write_bytes(generate(number))
            for name in TARGETS:
                try:
                    sentence = attempt(name, path)
                except Broken as error:
                    broken.append({"input": number, "target": name, "error": str(error).replace(folder, "")[:300]})
                    continue
                read[name] += not sentence
                if sentence:
                    sentences[name][kind(sentence.replace(folder, ""))] += 1
    record = {
        "inputs": options.count,
        "first": options.first,
        "version": __version__,
        "python": sys.version.split()[0],
        "broken": broken,
        "targets": {
            name: {
                "read": read[name],
                "sentences": sum(sentences[name].values()),
                "kinds": dict(sentences[name].most_common(12)),
            }
            for name in TARGETS
        },
    }
    for name, counts in record["targets"].items():  # type: ignore[attr-defined]
        print(f"{name:24} read {counts['read']:7}  sentences {counts['sentences']:7}")
    print(f"{options.count} inputs, {len(broken)} of them broke a reader")
    if options.json:
        Path(options.json).parent.mkdir(parents=True, exist_ok=True)
        Path(options.json).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
