"""The report: one HTML file that shows a run's scores, where its time went, and every sample with its image.

It is made of the run's own files, so that a report can be had of any run; images come from whoever has the documents.
"""

from __future__ import annotations

from fasteval.results.report.reload import reload_media
from fasteval.results.report.write import Report, report_path, save_report, write_report

__all__ = ["Report", "reload_media", "report_path", "save_report", "write_report"]
