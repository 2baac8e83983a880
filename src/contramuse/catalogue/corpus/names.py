"""Names of artists, albums and tracks, some in other scripts, as music libraries have them."""

from __future__ import annotations

import numpy as np

_FIRST = (
    "Amber", "Björn", "Cleo", "Dmitri", "Esmé", "Felix", "Grażyna", "Hugo", "Ines", "Jonah", "Kaori", "Lars",
    "Mercedes", "Nils", "Odette", "Pavel", "Quinn", "Rosa", "Søren", "Tomás", "Ulla", "Vera", "Wim", "Yuki",
)  # fmt: skip
_LAST = (
    "Alder", "Brandt", "Castel", "Duarte", "Eklund", "Fontaine", "Garrick", "Hollis", "Ivers", "Jensen", "Kovač",
    "Lindqvist", "Marlow", "Núñez", "Okafor", "Petrov", "Quist", "Řezník", "Sandoval", "Thorne", "Ueda", "Vasquez",
)  # fmt: skip
_BANDS = (
    "The {} Lanterns", "{} & the Tide", "{} Quartet", "The {} Society", "{}", "{} Ensemble", "DJ {}", "Los {}",
)  # fmt: skip
_ADJECTIVES = (
    "Quiet", "Golden", "Broken", "Distant", "Northern", "Paper", "Electric", "Slow", "Hidden", "Crimson", "Winter",
    "Second", "Hollow", "Silver", "Restless", "Open", "Midnight", "Gentle", "Burning", "Late",
)  # fmt: skip
_NOUNS = (
    "River", "Garden", "Engine", "Harbour", "Window", "Signal", "Meadow", "Mirror", "Station", "Letter", "Compass",
    "Orchard", "Machine", "Ocean", "Lantern", "Corner", "Parade", "Voyage", "Shadow", "Summer",
)  # fmt: skip
_OTHER_SCRIPTS = ("夜の川", "Белый сад", "Ночной поезд", "風の庭", "Καλοκαίρι", "여름밤", "Señal ámbar", "Été à Nîmes")


def artist_name(number: int, rng: np.random.Generator) -> str:
    """A name for an artist: no two numbers below 528 give the same."""
    turn, place = divmod(number, len(_FIRST))
    # 24 first names and 22 last ones: 5 * 24 + 1 is half of 22 further, so every second turn moves on by one more.
    last = _LAST[(number * 5 + turn + turn // 2) % len(_LAST)]
    person = f"{_FIRST[place]} {last}"
    return person if rng.random() < 0.5 else _BANDS[int(rng.integers(len(_BANDS)))].format(person)


def album_title(place: int, rng: np.random.Generator) -> str:
    """A title for album number ``place`` of an artist; up to four albums of one artist never share one."""
    noun = _NOUNS[(int(rng.integers(len(_NOUNS) // 4)) * 4 + place) % len(_NOUNS)]
    return f"{_ADJECTIVES[int(rng.integers(len(_ADJECTIVES)))]} {noun}"


def track_title(number: int, rng: np.random.Generator) -> str:
    """A title for a track, one of sixteen not in Latin letters."""
    if number % 16 == 5:
        return _OTHER_SCRIPTS[number // 16 % len(_OTHER_SCRIPTS)]
    adjective, noun = _ADJECTIVES[int(rng.integers(len(_ADJECTIVES)))], _NOUNS[int(rng.integers(len(_NOUNS)))]
    return f"{adjective} {noun}"
