"""One self-contained page: scores to sort, plots to read off, and each sequence down to its worst frames.

>>> from siamtrack.evaluation.report.html import Evidence, write_html
>>> write_html("report.html", scores, Evidence(truths, results, image=lambda sequence, frame: ...))
"""

from siamtrack.evaluation.report.html.evidence import Evidence
from siamtrack.evaluation.report.html.page import write_html

__all__ = ["Evidence", "write_html"]
