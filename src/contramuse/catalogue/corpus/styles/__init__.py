"""The styles' tables: what makes rock rock, in data. How the patterns are read is said in patterns.py.

Instruments appear in several styles, tempi and modes overlap widely: a style is its rhythm, harmony and arrangement,
not one timbre or one tempo, so that a probe can tell which of them a representation keeps.
"""

from contramuse.catalogue.corpus.styles.acoustic import ACOUSTIC
from contramuse.catalogue.corpus.styles.band import BAND
from contramuse.catalogue.corpus.styles.parts import Role, Style, Weights
from contramuse.catalogue.corpus.styles.studio import STUDIO

STYLES: dict[str, Style] = BAND | STUDIO | ACOUSTIC

__all__ = ["STYLES", "Role", "Style", "Weights"]
