"""Who plays what: artists with lasting preferences, their albums, and the facts drawn for each track.

Style, key, mode, tempo and energy are drawn from separate generators and over wide, overlapping ranges; what ties
them together is stated here and nowhere else: a style's range of tempi and modes, and an artist's preferences.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from contramuse.catalogue.corpus.instruments import KITS
from contramuse.catalogue.corpus.names import album_title, artist_name, track_title
from contramuse.catalogue.corpus.styles import STYLES, Style, Weights

TRACKS_PER_ARTIST = 8
# Of these, in the artist's second style.
_SECOND_STYLE = 3
# How often a player uses the artist's usual instrument, and one that other styles use for such a part.
_USUAL, _BORROWED = 0.45, 0.25


@dataclass(frozen=True, kw_only=True)
class Artist:
    """An artist of the corpus, with the preferences that last over the tracks.

    Args:
        styles: the first is played in five of eight tracks, the second in the others.
        haste: -1 to 1, place in a style's range of tempi; energy: 0 to 1, usual loudness and density.
        taste: seeds the choice of instruments, the same for the same player in every track.
        room: 0 to 1, size and level of the reverb; tilt: dB per octave of the mastering's equaliser.
        albums: (title, year), each an equal share of the tracks.
    """

    name: str
    styles: tuple[str, str]
    haste: float
    energy: float
    taste: int
    room: float
    tilt: float
    albums: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything about a track that is decided before a note is written.

    Args:
        seed, number: of the corpus and of the track in it; every generator of the track comes from them.
        tonic: semitones above C; tempo: beats per minute (6/8: dotted quarters); energy: 0 to 1.
        swing: share of the beat taken by its first half.
        players: player -> instrument; kit: of the drums, None without drums.
        room: 0 to 1; tilt: dB per octave.
    """

    seed: int
    number: int
    seconds: float
    title: str
    artist: str
    album: str
    year: int
    style: str
    tonic: int
    mode: str
    tempo: float
    energy: float
    swing: float
    players: dict[str, str]
    kit: str | None
    room: float
    tilt: float

    def generator(self, purpose: str) -> np.random.Generator:
        """A generator of its own for one purpose, so that a change to one leaves the others as they were."""
        return generator(self.seed, self.number, purpose)


def generator(seed: int, number: int, purpose: str) -> np.random.Generator:
    """A generator for one purpose of one track or artist."""
    return np.random.default_rng([seed, number, zlib.crc32(purpose.encode())])


def choose(weights: Weights, rng: np.random.Generator) -> str:
    """A name drawn by its weight."""
    names = list(weights)
    total = np.cumsum([weights[name] for name in names])
    return names[int(np.searchsorted(total, rng.random() * total[-1], side="right"))]


def plan_corpus(*, tracks: int, seconds: float, seed: int) -> list[Plan]:
    """The plans of a whole corpus; the first ``n`` plans do not depend on how many follow within an artist."""
    count = max(1, -(-tracks // TRACKS_PER_ARTIST))
    artists = plan_artists(count, seed=seed)
    return [
        plan_track(number, artists[number // TRACKS_PER_ARTIST], seconds=seconds, seed=seed) for number in range(tracks)
    ]


def plan_artists(count: int, *, seed: int) -> list[Artist]:
    """Artists whose styles go round all styles in a shuffled order, so that every style has several artists.

    The second style lies half way round, so that an unfinished last round still treats all styles about alike.
    """
    order = generator(seed, 0, "order of styles").permutation(len(STYLES))
    names = [list(STYLES)[i] for i in order]
    artists: list[Artist] = []
    for number in range(count):
        turn, place = divmod(number, len(names))
        second = (place + len(names) // 2 + (0, 1, -1, 2, -2)[turn % 5]) % len(names)
        rng = generator(seed, number, "artist")
        albums = tuple((album_title(i, rng), int(rng.integers(1962, 2026))) for i in range(int(rng.integers(1, 4))))
        artists.append(
            Artist(
                name=artist_name(number, rng),
                styles=(names[place], names[second]),
                haste=float(rng.uniform(-1, 1)),
                energy=float(rng.uniform(0.15, 0.85)),
                taste=int(rng.integers(2**31)),
                room=float(rng.uniform(0, 1)),
                tilt=float(rng.uniform(-1.5, 1.5)),
                albums=albums,
            )
        )
    return artists


def plan_track(number: int, artist: Artist, *, seconds: float, seed: int) -> Plan:
    """The facts of one track of an artist."""
    rng = generator(seed, number, "facts")
    place = number % TRACKS_PER_ARTIST
    guests = generator(artist.taste, 0, "second style").permutation(TRACKS_PER_ARTIST)[:_SECOND_STYLE]
    name = artist.styles[1] if place in guests else artist.styles[0]
    style = STYLES[name]
    album, year = artist.albums[place * len(artist.albums) // TRACKS_PER_ARTIST]
    low, high = style.tempo
    share = np.clip(0.5 + 0.25 * artist.haste + rng.uniform(-0.35, 0.35), 0, 1)
    return Plan(
        seed=seed,
        number=number,
        seconds=seconds,
        title=track_title(number, generator(seed, number, "title")),
        artist=artist.name,
        album=album,
        year=year,
        style=name,
        tonic=int(generator(seed, number // 12, "keys").permutation(12)[number % 12]),
        mode=choose(style.modes, generator(seed, number, "mode")),
        tempo=round(float(low * (high / low) ** share), 1),
        energy=float(np.clip(artist.energy + rng.uniform(-0.35, 0.35), 0, 1)),
        swing=float(rng.uniform(*style.swing)),
        players=_players(style, artist, generator(seed, number, "players")),
        kit=_kit(style, artist, rng),
        room=float(np.clip(artist.room + rng.uniform(-0.1, 0.1), 0, 1)),
        tilt=artist.tilt + float(rng.uniform(-0.3, 0.3)),
    )


def _players(style: Style, artist: Artist, rng: np.random.Generator) -> dict[str, str]:
    """Who takes part with which instrument: often the artist's usual one, else one of the style's or a borrowed one."""
    players = {}
    for player, role in style.roles.items():
        usual = choose(role.instruments, generator(artist.taste, 0, player))
        other, borrowed = choose(role.instruments, rng), choose(_pool(role.kind), rng)
        takes_part, which = rng.random(2)
        if takes_part < role.chance:
            players[player] = usual if which < _USUAL else borrowed if which > 1 - _BORROWED else other
    return players


def _kit(style: Style, artist: Artist, rng: np.random.Generator) -> str | None:
    """The drum kit, chosen as the instruments are."""
    if style.kits is None:
        return None
    usual = choose(style.kits, generator(artist.taste, 0, "drums"))
    other, borrowed = choose(style.kits, rng), choose(dict.fromkeys(KITS, 1.0), rng)
    which = rng.random()
    return usual if which < _USUAL else borrowed if which > 1 - _BORROWED / 2 else other


def _pool(kind: str) -> Weights:
    """Every instrument that some style uses for a kind of part, all alike: what styles borrow from each other."""
    roles = [role for style in STYLES.values() for role in style.roles.values() if role.kind == kind]
    return {name: 1.0 for role in roles for name in role.instruments}
