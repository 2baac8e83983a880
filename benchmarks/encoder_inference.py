"""SampleCNN in evaluation: windows of audio to vectors, ours beside the plain layers with the same weights.

Each side has a process of its own and the sides take turns; a round embeds all windows once, ``--batch`` at a time.
  plain  Conv1d, BatchNorm1d, ReLU, MaxPool1d in fp32 evaluation, the allocator as the system has it
  ours   batch norm folded, channels last, row by row where a row is larger than the cache, keep_freed_memory()

With ``--music FOLDER`` a round decodes the folder's mp3 files too, by the same decoder on both sides. Similarity is the
cosine of centred vectors (the mean taken away): an untrained network's vectors hardly differ, so that their plain
cosine would be near 1 for anything.

    python benchmarks/encoder_inference.py [--batch 16] [--rounds 3] [--threads 1] [--music FOLDER] [--files 8]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from plain import SAMPLES, PlainSampleCNN, waves
from sides import compare, serve

SIDES = ("plain", "ours")


def windows(music: Path | None, files: int, count: int) -> Tensor:
    """[w 1 59049]: ``count`` made windows, or those of up to ``files`` mp3 files, decoded now."""
    if music is None:
        return waves(count, SAMPLES, seed=1)
    from contramuse.audio.decode import decode

    found = sorted(music.rglob("*.mp3"))
    parts = []
    for file in found[:: max(1, len(found) // files)][:files]:
        samples = torch.from_numpy(decode(file, sample_rate=22050).samples).float() / 32768
        if len(samples) >= SAMPLES:
            parts.append(samples.unfold(0, SAMPLES, SAMPLES))
    return torch.cat(parts)[:, None]


def embed(given: argparse.Namespace) -> None:
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    network = PlainSampleCNN()
    with torch.no_grad():
        for seed in range(4):  # moves the running statistics
            network(waves(4, SAMPLES, seed=100 + seed))
    allocator = "as the system has it"
    if given.side == "ours":
        from contramuse.encoders import SampleCNN
        from contramuse.encoders.memory import keep_freed_memory

        allocator, plain, network = keep_freed_memory(), network, SampleCNN(bands=1)
        network.load_state_dict(plain.state_dict())
    network.eval()
    made = None if given.music else windows(None, 0, given.windows)

    def work() -> dict[str, Any]:
        x = windows(given.music, given.files, 0) if made is None else made
        with torch.inference_mode():
            vectors = torch.cat([network(part) for part in x.split(given.batch)])
        torch.save(vectors.clone(), given.folder / f"{given.side}.vectors")
        return {"windows": len(x), "allocator": allocator}

    serve(work)


def centred_cosine(folder: Path) -> dict[str, float]:
    a, b = (torch.load(folder / f"{side}.vectors", weights_only=True).double() for side in SIDES)
    centre = a.mean(dim=0)
    cosine = torch.nn.functional.cosine_similarity(a - centre, b - centre, dim=1)
    return {"min": float(cosine.min()), "mean": float(cosine.mean()), "largest_difference": float((a - b).abs().max())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=48, help="where no music is given")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--music", type=Path)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        return embed(given)
    with tempfile.TemporaryDirectory() as name:
        arguments = ["--folder", name]
        for option in ("windows", "batch", "files", "threads"):
            arguments += [f"--{option}", str(getattr(given, option))]
        if given.music:
            arguments += ["--music", str(given.music)]
        sides = compare(__file__, SIDES, arguments=arguments, rounds=given.rounds, warm=1, threads=given.threads)
        similarity = centred_cosine(Path(name))
    length = SAMPLES / 22050
    speed = {side: facts["windows"] * length / facts["cpu_seconds"] for side, facts in sides.items()}
    print(
        json.dumps(
            {
                "benchmark": "encoder_inference",
                "threads": given.threads,
                "batch": given.batch,
                "decoding": "included" if given.music else "not included",
                "audio_seconds_per_cpu_second": {side: round(value, 1) for side, value in speed.items()},
                "ratio": round(speed["ours"] / speed["plain"], 2),
                "goal": 2.5,
                "centred_cosine": similarity,
                "sides": sides,
            },
            indent=1,
        )
    )
    return None


if __name__ == "__main__":
    main()
