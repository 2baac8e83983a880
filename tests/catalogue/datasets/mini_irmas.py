"""A miniature of IRMAS: training names with and without drums, test parts with their folders and .txt."""

from __future__ import annotations

from pathlib import Path

from minidatasets import broken, tone

TRAINING = (
    "cel/[cel][cla]0001__1.wav",
    "cel/[cel][cla]0001__2.wav",
    "flu/008__[flu][nod][cla]0393__1.wav",
    "gac/[gac][pop_roc]2511__2.wav",
    "voi/[voi][dru][jaz_blu]2300__3.wav",
    "pia/[pia][nod][cou_fol]1429__1.wav",
)
TESTING = {
    "IRMAS-TestingData-Part1/Part1/(02) dont kill the whale-1": "gel\t\nvoi\t\n",
    "IRMAS-TestingData-Part1/Part1/(02) dont kill the whale-3": "voi\r\n\r\n",
    "IRMAS-TestingData-Part2/IRTestingData-Part2/Au Privave-2": "sax\ntru\npia",
    "IRMAS-TestingData-Part3/Part3/01 - Someone-12": "pia\n",
}


def miniature(root: Path) -> None:
    for seed, name in enumerate(TRAINING):
        tone(root / "IRMAS-TrainingData" / name, seed=seed)
    broken(root / "IRMAS-TrainingData/cel/._[cel][cla]0001__1.wav")
    for seed, (stem, labels) in enumerate(TESTING.items()):
        tone(root / f"{stem}.wav", seed=100 + seed)
        (root / f"{stem}.txt").write_text(labels, newline="")
