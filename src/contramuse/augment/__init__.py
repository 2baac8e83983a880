"""Augmentations: drawn per row by a generator, applied to the batch on its device."""

from contramuse.augment.base import Augmentation, Params
from contramuse.augment.chain import Chain
from contramuse.augment.chorus import Chorus
from contramuse.augment.codec import Codec
from contramuse.augment.corruptions import CORRUPTIONS
from contramuse.augment.cut import Crop, Reverse
from contramuse.augment.dynamics import Bitcrush, Clipping, Compression, Distortion
from contramuse.augment.filters import Filter
from contramuse.augment.level import ColoredNoise, Gain, Noise, Polarity
from contramuse.augment.mask import FrequencyMask, TimeMask
from contramuse.augment.mix import FeatureMixup, Mixup
from contramuse.augment.pitch import PitchShift, Speed, TimeStretch
from contramuse.augment.presets import PRESETS
from contramuse.augment.space import Delay, Reverb
from contramuse.augment.spectral import BandShift, Equalise, TimeWarp
from contramuse.augment.splice import PacketLoss, Splice

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "band_shift": BandShift,
    "bitcrush": Bitcrush,
    "chorus": Chorus,
    "clipping": Clipping,
    "codec": Codec,
    "colored_noise": ColoredNoise,
    "compression": Compression,
    "crop": Crop,
    "delay": Delay,
    "distortion": Distortion,
    "equalise": Equalise,
    "feature_mixup": FeatureMixup,
    "filter": Filter,
    "frequency_mask": FrequencyMask,
    "gain": Gain,
    "mixup": Mixup,
    "noise": Noise,
    "packet_loss": PacketLoss,
    "pitch_shift": PitchShift,
    "polarity": Polarity,
    "reverb": Reverb,
    "reverse": Reverse,
    "speed": Speed,
    "splice": Splice,
    "time_mask": TimeMask,
    "time_stretch": TimeStretch,
    "time_warp": TimeWarp,
}

__all__ = ["AUGMENTATIONS", "CORRUPTIONS", "PRESETS", "Augmentation", "Chain", "Params"]
