"""The report of an evaluation: a single HTML file."""

from edgecls.evaluation.report.write import write_report

__all__ = ["write_report"]
