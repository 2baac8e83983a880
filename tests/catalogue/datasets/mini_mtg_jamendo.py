"""A miniature of MTG-Jamendo: the lists of every subset of a split, with line ends of both kinds, and both audios."""

from __future__ import annotations

from pathlib import Path

from minidatasets import tone

# number -> part, artist, album, tags
TRACKS = {
    214: ("train", 14, 31, ("genre---punkrock", "genre---metal")),
    241: ("train", 5, 33, ("genre---rock", "instrument---voice", "mood/theme---happy")),
    1376256: ("train", 6, 40, ("genre---easylistening", "instrument---piano", "mood/theme---commercial")),
    773: ("validation", 104, 126, ("genre---electronic", "instrument---pad")),
    3346: ("validation", 517, 521, ("mood/theme---calm", "mood/theme---film")),
    215: ("test", 44, 32, ("genre---metal", "instrument---rhodes")),
    3524: ("test", 530, 552, ("mood/theme---melodic", "genre---rock")),
}
FILES = {"top50": "autotagging_top50tags", "genre": "autotagging_genre", "instrument": "autotagging_instrument",
         "moodtheme": "autotagging_moodtheme", "all": "autotagging"}  # fmt: skip
HEADER = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"


def path_of(number: int, *, low: bool = False) -> str:
    return f"{number % 100:02d}/{number}{'.low' if low else ''}.mp3"


def lists(root: Path, *, split: int = 0, end: str = "\r\n") -> None:
    """The lists of all five subsets; a subset has the tracks that have one of its tags, with these tags alone."""
    from contramuse.catalogue.datasets.mtg_jamendo import CLASSES

    folder = root / f"data/splits/split-{split}"
    folder.mkdir(parents=True, exist_ok=True)
    for subset, name in FILES.items():
        for part in ("train", "validation", "test"):
            rows = [HEADER]
            for number, (where, artist, album, tags) in TRACKS.items():
                if kept := sorted(set(tags) & set(CLASSES[subset])) if where == part else []:
                    rows.append("\t".join((f"track_{number:07d}", f"artist_{artist:06d}", f"album_{album:06d}",
                                           path_of(number), "124.6", *kept)))  # fmt: skip
            (folder / f"{name}-{part}.tsv").write_bytes(end.join((*rows, "")).encode())


def audio(root: Path, *, low: bool = False) -> None:
    for seed, number in enumerate(TRACKS):
        tone(root / path_of(number, low=low), seed=seed, rate=44100, channels=1 if low else 2)


def miniature(root: Path) -> None:
    """Lists as in the repository, audio as its script unpacks it."""
    lists(root)
    audio(root / "raw_30s/audio")
