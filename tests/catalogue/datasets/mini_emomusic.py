"""A miniature of EmoMusic: songs with stray tabs and commas, one without ratings, one without a file."""

from __future__ import annotations

from pathlib import Path

from minidatasets import tone

SONGS = """song_id,file_name,Artist,Song title,start of the segment (min.sec),end of the segment (min.sec),Genre,Mediaeval 2013 set
2,2.mp3,The New Mystikal Troubadours\t,Tonight A Lonely Century\t,0.05,0.50,Blues\t,development
3,3.mp3,"Nevada, Lo\u00fas",Still Here,1.2,2.05,Blues,development
4,4.mp3,nevada los ,Other Days,0.10,0.55,Blues,development
7,7.mp3,Chris Juergensen,Prospects,0.10,0.55,Blues,evaluation
10,10.mp3,Someone,Unrated,0.10,0.55,Blues,development
13,13.mp3,Boycrush,Flowers,0.10,0.55,Blues,evaluation
"""  # noqa: E501
RATINGS = """song_id, mean_arousal,std_arousal,mean_valence,std_valence
2,3.1,0.99,3.0,0.66
3,3.5,1.84,3.3,1.7
4,5.7,1.5,5.5,1.6
7,5.3,1.2,5.7,1.7
13,8.4,1.1,1,0
"""


def miniature(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "songs_info.csv").write_text(SONGS, encoding="utf-8")
    (root / "static_annotations.csv").write_text(RATINGS)
    for seed, song in enumerate((2, 3, 4, 7)):
        tone(root / f"clips_45seconds/{song}.mp3", seed=seed)
