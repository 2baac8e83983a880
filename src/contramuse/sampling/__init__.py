"""Which tracks stand together in a batch, and the stream of batches that resumes anywhere."""

from contramuse.sampling.alone import Alone
from contramuse.sampling.base import Drawn, Sampler, generator_for
from contramuse.sampling.batches import Batches
from contramuse.sampling.mixed import Mixed
from contramuse.sampling.one_of import OneOf
from contramuse.sampling.together import Together

SAMPLERS: dict[str, type[Sampler]] = {"alone": Alone, "mixed": Mixed, "one_of": OneOf, "together": Together}

__all__ = ["SAMPLERS", "Alone", "Batches", "Drawn", "Mixed", "OneOf", "Sampler", "Together", "generator_for"]
