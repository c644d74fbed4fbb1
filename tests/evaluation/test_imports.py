"""Evaluation is for people who train elsewhere: importing it loads neither torch nor matplotlib."""

from __future__ import annotations

import subprocess
import sys


def test_the_room_is_light() -> None:
    code = (
        "import sys, siamtrack.evaluation, siamtrack.evaluation.report.tables\n"
        "heavy = {'torch', 'torchvision', 'matplotlib', 'cv2', 'rich', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
