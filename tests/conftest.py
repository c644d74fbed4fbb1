"""What every test may rely on: the repository root is importable, and runs are quiet and single-threaded.

The reports of parity and of golden scores are gathered here, because the process that writes them may be another one
than those that test (pytest-xdist). A run of the whole suite, or of ``tests/parity``, fails if a recorded case was
compared by no test.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests import parity_report
from tests.evaluation import golden

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests put into the cache is theirs alone; the processes that they start inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIAMTRACK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--parity-report", metavar="FILE", help="write a JSON row per compared output of every case")
    parser.addoption("--golden-report", metavar="FILE", help="write a JSON row per published score: expected, ours")


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # a worker of pytest-xdist
        output["parity"], output["golden"] = parity_report.ROWS, golden.REPORT
        return
    target = session.config.getoption("--parity-report")
    if target:
        parity_report.write(target)
    published = session.config.getoption("--golden-report")
    if published:
        golden.write_report(published)
    if _whole(session.config) and parity_report.missing():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    output = getattr(node, "workeroutput", {})
    parity_report.ROWS.extend(output.get("parity", []))
    golden.REPORT.extend(output.get("golden", []))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not parity_report.ROWS:
        return
    terminalreporter.write_line(parity_report.summary())
    if _whole(config):
        for case in parity_report.missing():
            terminalreporter.write_line(f"no test compared {case}", red=True)


def _whole(config: pytest.Config) -> bool:
    """Whether the run was to hold every parity test."""
    paths = {Path(str(config.rootpath), str(arg).split("::")[0]).resolve() for arg in config.args}
    chosen = config.option.keyword or config.option.markexpr or any("::" in str(arg) for arg in config.args)
    return not chosen and not config.option.collectonly and bool(paths & {HERE, HERE / "parity", HERE.parent})
