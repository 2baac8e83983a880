"""What is seen of a track: crops of its audio, its stems, vectors and tags, and the facts that say who each row is.

The only place where seconds become samples.
"""

from contramuse.views.base import Chance, Take, samples_of
from contramuse.views.crop import Crop
from contramuse.views.facets import Again, Classes, Tags, Vector
from contramuse.views.facts import Facts, multi_hot
from contramuse.views.stem import Stem

TAKES: dict[str, type[Take]] = {
    "crop": Crop,
    "stem": Stem,
    "vector": Vector,
    "tags": Tags,
    "classes": Classes,
    "again": Again,
}

__all__ = [
    "TAKES", "Again", "Chance", "Classes", "Crop", "Facts", "Stem", "Tags", "Take", "Vector", "multi_hot", "samples_of",
]  # fmt: skip
