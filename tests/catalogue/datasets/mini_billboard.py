"""A miniature of McGill Billboard: empty slots, a song in two slots, a song that changes its tonic, audio of some."""

from __future__ import annotations

from pathlib import Path

from minidatasets import tone

INDEX = """\
id,chart_date,target_rank,actual_rank,title,artist,peak_rank,weeks_on_chart
1,1987-07-11,82,,,,,
2,1958-09-01,4,4,First,Nobody Else,4,9
3,1961-07-03,56,57,I Don't Mind,James Brown,47,8
4,1971-08-07,32,31,You've Got A Friend,"Roberta Flack,Donny Hathaway",29,12
6,1975-09-13,54,54,"The Rubberband, Man",Cher,20,12
10,1961-07-10,56,57,I Don't Mind,James Brown,47,8
12,1990-02-17,1,1,"Tempus, Fugit",Paul,1,20
15,1991-01-05,5,5,Not Annotated,Nobody,5,5
"""
CHORDS = {
    "0002": "# title: First\n# metre: 4/4\n# tonic: F#\n0.0\tsilence\n",
    "0003": "# title: I Don't Mind\n# metre: 6/8\n# tonic: C\n\n0.0\tsilence\n7.3\tA, intro, | A:min |\n",
    "0004": "# title: X\n# metre: 4/4\n# tonic: Ab\n0.2\tA, | Ab:maj |, (synth)\n# tonic: Bb\n9\tB, | Bb:maj |\n",
    "0006": "# title: X\n# artist: Y\n# metre: 4/4\n# metre: 2/4\n# tonic: Cb\n# tonic: B\n0.1\tA, | B:maj |\n",
    "0010": "# title: I Don't Mind\n# artist: James Brown\n# metre: 6/8\n# tonic: C\n\n0.0\tsilence\n",
    "0012": "# title: Z\n# artist: Paul\n# tonic: ?\n0.0\tsilence\n",
}


def miniature(root: Path) -> None:
    """Slot 3 has no audio, slot 10 of the same song has; slot 12 has its file elsewhere."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "billboard-2.0-index.csv").write_text(INDEX, encoding="utf-8")
    for slot, text in CHORDS.items():
        (root / "McGill-Billboard" / slot).mkdir(parents=True)
        (root / "McGill-Billboard" / slot / "salami_chords.txt").write_text(text)
    tone(root / "audio/0002.mp3", seed=5)
    tone(root / "audio/1970s/0004.mp3", seed=1)
    tone(root / "audio/6.flac", seed=2)
    tone(root / "audio/0010.mp3", seed=3)
    tone(root / "mine/tempus fugit, live.ogg", seed=4)
    (root / "paths.csv").write_text('id,path\n0012,"mine/tempus fugit, live.ogg"\n0003,/elsewhere/a.mp3\n')
