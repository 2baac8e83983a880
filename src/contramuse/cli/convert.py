"""``contramuse convert``: a file that another program published, whichever it is, as a model of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from contramuse.cli.import_ import listed, report


def convert(
    file: Annotated[
        Path,
        typer.Argument(help="Checkpoint (.pt, .pth, .ckpt), .onnx, or a TensorFlow checkpoint.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model.", show_default=False)],
    head: Annotated[Path | None, typer.Option(help="A second file: what was trained on the encoder.")] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="What a classifier's outputs mean: magnatagatune, msd, gtzan, or a file, a name per line."),
    ] = None,
    sample_rate: Annotated[int | None, typer.Option(help="Hz, where the weights do not tell.")] = None,
    trained_on: Annotated[
        str | None, typer.Option(help="Of Choi et al.: whose statistics to take off: fma, msd or beatles.")
    ] = None,
) -> None:
    """Tell by its content what a published model's file is, and turn it into a model folder.

    CLMR (v1, v2, ONNX), SemiSupCon, Ferraro et al., PlaylistContrastive, Choi et al., MSCOL. Only weights are read; no
    code in a file is run.
    """
    from contramuse.checkpoint.convert import Choices
    from contramuse.checkpoint.convert import convert as run

    names = tuple(listed(Path(classes))) if classes is not None and Path(classes).is_file() else classes
    layout, made = run(file, out, Choices(head=head, classes=names, sample_rate=sample_rate, trained_on=trained_on))
    print(f"{file}: {layout.name}")
    report(made)
