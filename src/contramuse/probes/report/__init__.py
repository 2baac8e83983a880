"""report.html: one self-contained page from a run, its embeddings and the results of a probe."""

from contramuse.probes.report.page import build_page
from contramuse.probes.report.sources import Sources, gather_sources

__all__ = ["Sources", "build_page", "gather_sources"]
