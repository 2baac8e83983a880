"""Augmentations: drawn per row by a generator, applied to the batch on its device."""

from contramuse.augment.base import Augmentation, Params
from contramuse.augment.chain import Chain
from contramuse.augment.cut import Crop, Reverse
from contramuse.augment.filters import Filter
from contramuse.augment.level import ColoredNoise, Gain, Noise, Polarity
from contramuse.augment.mask import FrequencyMask, TimeMask
from contramuse.augment.mix import FeatureMixup, Mixup
from contramuse.augment.pitch import PitchShift, TimeStretch
from contramuse.augment.presets import PRESETS
from contramuse.augment.space import Delay, Reverb
from contramuse.augment.spectral import BandShift, Equalise

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "band_shift": BandShift,
    "colored_noise": ColoredNoise,
    "crop": Crop,
    "delay": Delay,
    "equalise": Equalise,
    "feature_mixup": FeatureMixup,
    "filter": Filter,
    "frequency_mask": FrequencyMask,
    "gain": Gain,
    "mixup": Mixup,
    "noise": Noise,
    "pitch_shift": PitchShift,
    "polarity": Polarity,
    "reverb": Reverb,
    "reverse": Reverse,
    "time_mask": TimeMask,
    "time_stretch": TimeStretch,
}

__all__ = ["AUGMENTATIONS", "PRESETS", "Augmentation", "Chain", "Params"]
