"""report.html and report.json: one self-contained page, and its numbers, from runs, embeddings and results."""

from contramuse.probes.report.assembled import Report, assemble
from contramuse.probes.report.gathering import gather_sources
from contramuse.probes.report.numbers import numbers
from contramuse.probes.report.page import build_page
from contramuse.probes.report.sources import Sources

__all__ = ["Report", "Sources", "assemble", "build_page", "gather_sources", "numbers"]
