"""README's words, executed: its example on a real video with real weights, and the parsing of every command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from siamtrack.cli import main, parser
from tests.external import external

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip()
    for language, text in BLOCKS
    if language == "bash"
    for line in text.replace("\\\n", " ").splitlines()
    if line.startswith("siamtrack ")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command: str) -> None:
    options, rest = parser().parse_known_args(shlex.split(command)[1:])
    assert not [word for word in rest if word.startswith("-")]
    assert callable(options.run)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"configs/[\w/]+(?:\.yaml|/)", README))))
def test_what_it_names_is_there(name: str) -> None:
    assert (ROOT / name).exists()


def test_the_ten_lines_track_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (code,) = [text for language, text in BLOCKS if language == "python" and "load_tracker" in text]
    (convert,) = [command for command in COMMANDS if command.startswith("siamtrack convert nanotrack")]
    monkeypatch.chdir(tmp_path)
    Path("nanotrackv2.pth").symlink_to(external("WEIGHTS") / "nanotrackv2.pth")
    Path("my_video.mp4").symlink_to(external("SEQUENCES") / "video" / "bag.avi")
    Path("configs").symlink_to(ROOT / "configs")
    assert main(shlex.split(convert)[1:]) == 0
    capsys.readouterr()
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - our own words
    rows = [line for line in capsys.readouterr().out.splitlines() if line]
    assert len(rows) > 5
    boxes = [tuple(map(float, re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", row)[:4])) for row in rows]
    assert all(width >= 1 and height >= 1 for _, _, width, height in boxes)
    assert len(set(boxes)) > 1
