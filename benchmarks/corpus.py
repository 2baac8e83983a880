"""How fast the built-in corpus is made, everything included: audio seconds per CPU second on one process. Goal: >= 30.

The time of each step is that of the whole corpus: compose, render, mix, and encode (tagging and the stems included).
Rounds use different seeds, so that nothing is found in a cache.

    python benchmarks/corpus.py [--tracks 16] [--seconds 30] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from contramuse.catalogue.corpus.compose import compose
from contramuse.catalogue.corpus.mix import mix
from contramuse.catalogue.corpus.plan import plan_corpus
from contramuse.catalogue.corpus.render import CachedTones, default_soundfont, render_part
from contramuse.catalogue.corpus.soundfont import SoundFont
from contramuse.catalogue.corpus.write import Settings, write_corpus

RATE = 22050


def whole(tracks: int, seconds: float, seed: int) -> float:
    """CPU seconds of writing a corpus."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        write_corpus(Path(folder) / "corpus", Settings(tracks=tracks, seconds=seconds, seed=seed), workers=1)
        return time.process_time() - start


def steps(tracks: int, seconds: float, seed: int) -> dict[str, float]:
    """CPU seconds of composing, rendering and mixing the same corpus."""
    took = dict.fromkeys(("compose", "render", "mix"), 0.0)
    tones = CachedTones(SoundFont(default_soundfont()))
    for plan in plan_corpus(tracks=tracks, seconds=seconds, seed=seed):
        times = [time.process_time()]
        song = compose(plan)
        times.append(time.process_time())
        sounds = {part.player: render_part(part, tones, seconds=seconds, sample_rate=RATE) for part in song.parts}
        times.append(time.process_time())
        mix(song, sounds, sample_rate=RATE)
        times.append(time.process_time())
        for name, first, second in zip(took, times, times[1:], strict=False):
            took[name] += second - first
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    audio = given.tracks * given.seconds
    whole(2, 5.0, 99)  # imports
    totals, parts = [], []
    for seed in range(given.rounds):
        totals.append(whole(given.tracks, given.seconds, seed))
        parts.append(steps(given.tracks, given.seconds, seed))
    middle = {name: statistics.median(one[name] for one in parts) for name in parts[0]}
    total = statistics.median(totals)
    share = {name: round(value / total, 3) for name, value in middle.items()}
    print(
        json.dumps(
            {
                "what": "built-in corpus, audio seconds per CPU second, files encoded and stems written",
                "tracks": given.tracks,
                "seconds": given.seconds,
                "sample_rate": RATE,
                "processes": 1,
                "rounds": given.rounds,
                "times_real_time": round(audio / total, 1),
                "times_real_time_each_round": [round(audio / value, 1) for value in totals],
                "share_of_time": share | {"encode and write": round(1 - sum(share.values()), 3)},
                "goal": 30,
                "reached": audio / total >= 30,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
