"""Training: a recipe and a library become checkpoints and a model."""

from contramuse.train.fit import Outcome, fit

__all__ = ["Outcome", "fit"]
