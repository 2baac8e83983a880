"""What frozen embeddings know: probes, baselines, intervals, and the report."""

from contramuse.probes.protocol import Settings
from contramuse.probes.session import probe

__all__ = ["Settings", "probe"]
