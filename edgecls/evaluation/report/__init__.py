"""The report of an evaluation: one HTML file that someone should enjoy reading."""

from edgecls.evaluation.report.write import write_report

__all__ = ["write_report"]
