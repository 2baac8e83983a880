"""Which tracks stand together in a batch, and the stream of batches that resumes anywhere."""

from contramuse.sampling.alone import Alone
from contramuse.sampling.base import Drawn, Sampler, generator_for
from contramuse.sampling.batches import Batches
from contramuse.sampling.mixed import Mixed

SAMPLERS: dict[str, type[Sampler]] = {"alone": Alone, "mixed": Mixed}

__all__ = ["SAMPLERS", "Alone", "Batches", "Drawn", "Mixed", "Sampler", "generator_for"]
