"""What every test of the page needs: something to show, and a browser to look at it with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.evaluation.report.html.material import Material, make

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]  # as root, without a screen, in a container
PATIENCE = 120_000  # ms; several workers start a browser at once


@pytest.fixture(scope="session")
def material() -> Material:
    """A small benchmark and the results of four trackers."""
    return make()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium, by Playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent("playwright is not installed: pip install 'siamtrack[test]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("SIAMTRACK_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not program:
        _absent(
            "no Chromium on the path: install one (Debian: apt-get install chromium), or name it by SIAMTRACK_CHROMIUM"
        )
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=ARGUMENTS, timeout=PATIENCE)
        yield opened
        opened.close()


def _absent(reason: str) -> None:
    if os.environ.get("SIAMTRACK_STRICT") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
