"""The order of classes in CLMR's published heads. The checkpoints do not hold their names."""

from __future__ import annotations

# musicnn's order of the 50 most used tags of MagnaTagATune.
_MAGNATAGATUNE = """
guitar, classical, slow, techno, strings, drums, electronic, rock, fast, piano, ambient, beat, violin, vocal, synth,
female, indian, opera, male, singing, vocals, no vocals, harpsichord, loud, quiet, flute, woman, male vocal, no
vocal, pop, soft, sitar, solo, man, classic, choir, voice, new age, dance, male voice, female vocal, beats, harp,
cello, no voice, weird, country, metal, female voice, choral
"""

# The 50 most used Last.fm tags of the Million Song Dataset.
_MSD = """
rock, pop, alternative, indie, electronic, female vocalists, dance, 00s, alternative rock, jazz, beautiful, metal,
chillout, male vocalists, classic rock, soul, indie rock, Mellow, electronica, 80s, folk, 90s, chill, instrumental,
punk, oldies, blues, hard rock, ambient, acoustic, experimental, female vocalist, guitar, Hip-Hop, 70s, party,
country, easy listening, sexy, catchy, funk, electro, heavy metal, Progressive rock, 60s, rnb, indie pop, sad,
House, happy
"""

_GTZAN = "blues, classical, country, disco, hiphop, jazz, metal, pop, reggae, rock"


def _names(text: str) -> tuple[str, ...]:
    return tuple(" ".join(name.split()) for name in text.split(","))


CLASSES: dict[str, tuple[str, ...]] = {
    "magnatagatune": _names(_MAGNATAGATUNE),
    "msd": _names(_MSD),
    "gtzan": _names(_GTZAN),
}
"""Data set -> class names in the order of a head's outputs."""
