"""Fine-tuning: a classifier on an encoder, frozen or trained with it, and its test."""

from contramuse.train.finetune.evaluation import evaluate
from contramuse.train.finetune.run import FineTuned, fine_tune, resume
from contramuse.train.finetune.settings import Settings

__all__ = ["FineTuned", "Settings", "evaluate", "fine_tune", "resume"]
