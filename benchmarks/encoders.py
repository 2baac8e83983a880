"""Every encoder with the input it was published with: size of its vector, parameters, speed of training on one thread.

A view is one row's forward and backward pass through the encoder alone, from features in memory: no frontend, head or
optimiser. Figures are medians of process CPU time. The table of docs/encoders.md is this script's output:

    python benchmarks/encoders.py [--only KIND ...] [--rounds 5] [--write docs/encoders.md]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

from contramuse.encoders.memory import keep_freed_memory

keep_freed_memory()

import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from contramuse.encoders import ENCODERS  # noqa: E402

HEADER = """\
| encoder | input | vector | parameters | views / CPU-s, fp32 | bf16 | paper |
|---|---|---|---|---|---|---|"""


class Published(NamedTuple):
    """How an encoder was published.

    Args:
        arguments: of its constructor.
        shape: of a row: bands and frames (1 and samples for a waveform), or the size of a vector; for numbers of tags
            or classes how many there are in a row.
        source: system and paper.
        seconds: of audio in a row; 0: not audio.
        below: numbers of tags or classes are below it; 0: the input is no such number.
        rows: of a step.
    """

    arguments: dict[str, object]
    shape: tuple[int, ...]
    source: str
    seconds: float = 0.0
    below: int = 0
    rows: int = 16

    def draw(self) -> Tensor:
        """A batch."""
        generator = torch.Generator().manual_seed(0)
        if self.below:
            return torch.randint(self.below, (self.rows, *self.shape), generator=generator)
        return torch.randn(self.rows, *self.shape, generator=generator)

    def describe(self) -> str:
        """The input in words."""
        if self.below:
            return f"{self.shape[0]} of {self.below}"
        if len(self.shape) == 1:
            return f"{self.shape[0]} numbers"
        what = f"{self.shape[1]:,} samples" if self.shape[0] == 1 else f"{self.shape[0]} bands x {self.shape[1]} frames"
        return f"{what} ({self.seconds:g} s)"


# The text after a comma tells variants of a kind apart.
PUBLISHED = {
    "cpc_conv": Published({"bands": 1}, (1, 59049), "CLMR's CPC; van den Oord et al. 2018", 2.68),
    "dense": Published({"width": 301}, (301,), "PlaylistContrastive; Meehan and Pauwels 2025", rows=256),
    "efficientnet_b0": Published(
        {"bands": 64}, (64, 98), "COLA, MSCOL; Tan and Le 2019, Garoufis et al. 2023", 0.98
    ),
    "mel_conv": Published({"bands": 96}, (96, 188), "Choi et al. 2022", 3.0, rows=8),
    "mel_conv_multi": Published({"bands": 96}, (96, 188), "Choi et al. 2022", 3.0, rows=8),
    "mel_transformer, Ti": Published({"bands": 128}, (128, 173), "Yonay et al. 2025", 4.0),
    "mel_transformer, recipe masked": Published(
        {"bands": 128, "patch": (128, 8), "dim": 256, "depth": 4, "heads": 4, "drop": 0.5}, (128, 173),
        "this project's default", 4.0,
    ),
    "resnet18": Published({"bands": 48}, (48, 256), "PlaylistContrastive; He et al. 2016", 4.1),
    "sample_cnn": Published({"bands": 1}, (1, 59049), "CLMR; Lee et al. 2017, Spijkervet and Burgoyne 2021", 2.68),
    "sample_cnn, size xl": Published({"bands": 1, "size": "xl"}, (1, 59049), "CLMR", 2.68),
    "sc_cnn": Published(
        {"bands": 48}, (48, 256), "PlaylistContrastive; Ferraro et al. 2021, Meehan and Pauwels 2025", 4.1
    ),
    "short_chunk_res": Published({"bands": 128}, (128, 231), "CLMR; Won et al. 2020", 3.69, rows=8),
    "table": Published({"width": 50}, (1,), "a classifier's weights", below=50, rows=256),
    "tag_attention": Published({"width": 249}, (10,), "PlaylistContrastive; Ferraro et al. 2021", below=250, rows=256),
    "tag_mean": Published({"width": 249}, (10,), "Ferraro et al. 2021", below=250, rows=256),
    "tune_plus": Published({"bands": 1}, (1, 59049), "SemiSupCon; Vélez Vásquez and Burgoyne 2022", 2.68),
}  # fmt: skip


def speed(encoder: nn.Module, x: Tensor, *, precision: str, rounds: int) -> float:
    """Rows per second of CPU time, forward and backward; the first two steps are not counted."""
    generator, taken = torch.Generator().manual_seed(0), []
    encoder.train()
    for _ in range(rounds + 2):
        start = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            vectors = encoder(x, generator)
        vectors.float().square().sum().backward()
        taken.append(time.process_time() - start)
        encoder.zero_grad()
    return len(x) / statistics.median(taken[2:])


def line(name: str, published: Published, rounds: int) -> str:
    """The table's row of an encoder."""
    torch.manual_seed(0)
    encoder = ENCODERS[name.split(",")[0]](**published.arguments)
    x = published.draw()
    count = sum(p.numel() for p in encoder.parameters())
    rates = [speed(encoder, x, precision=precision, rounds=rounds) for precision in ("fp32", "bf16")]
    shown = [f"{float(f'{rate:.3g}'):,.0f}" if rate >= 100 else f"{rate:.3g}" for rate in rates]
    kind, _, variant = name.partition(",")
    cells = [f"`{kind}`{variant}", published.describe(), f"{encoder.dim:,}", f"{count:,}", *shown, published.source]
    return f"| {' | '.join(cells)} |"


def replace_table(file: Path, table: str) -> None:
    """Put ``table`` where the file has a table of the same header."""
    lines = file.read_text(encoding="utf-8").splitlines()
    first = lines.index(HEADER.splitlines()[0])
    last = next((n for n, text in enumerate(lines) if n > first and not text.startswith("|")), len(lines))
    file.write_text("\n".join([*lines[:first], table, *lines[last:]]) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="KIND", help="these kinds; all of the table by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace this Markdown file's table")
    given = parser.parse_args()
    missing = set(ENCODERS) - {name.split(",")[0] for name in PUBLISHED}
    if missing:
        raise SystemExit(f"PUBLISHED in {sys.argv[0]} has no line for {', '.join(sorted(missing))}: add one")
    torch.set_num_threads(1)
    lines = [HEADER]
    print(HEADER)
    for name, published in PUBLISHED.items():
        if given.only is None or name.split(",")[0] in given.only:
            lines.append(line(name, published, given.rounds))
            print(lines[-1], flush=True)
    if given.write and given.only is None:
        replace_table(given.write, "\n".join(lines))


if __name__ == "__main__":
    main()
