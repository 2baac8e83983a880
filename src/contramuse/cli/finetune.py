"""``contramuse finetune``: labels of a library, learnt on top of an encoder or with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from contramuse.errors import UserError


def finetune(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Model, run or hub id; or a recipe, from scratch. Left out with --resume and --evaluate.",
            show_default=False,
        ),
    ] = None,
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value of a recipe.", show_default=False)] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Library with labels.", show_default=False)] = None,
    field: Annotated[
        list[str] | None, typer.Option(help="Label field; several numeric ones are learnt together.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Of the field, as `evaluate --list` shows: its fields, metric and aggregation.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the run; runs/MODEL-FIELD-NUMBER by itself.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="frozen, full, or lora (adapters); frozen if not given, full from scratch.")
    ] = None,
    rank: Annotated[int | None, typer.Option(help="Of the adapters; 8 if not given.")] = None,
    alpha: Annotated[float | None, typer.Option(help="The adapters' factor, over the rank; 16 if not given.")] = None,
    head: Annotated[str, typer.Option(help="mlp (hidden layers with ReLU) or linear.")] = "mlp",
    hidden: Annotated[int | None, typer.Option(help="Width of an mlp's hidden layers; 512 if not given.")] = None,
    layers: Annotated[int | None, typer.Option(help="Hidden layers of an mlp; 1 if not given.")] = None,
    bias: Annotated[
        str | None, typer.Option(help="none or all layers of the head; none for an mlp, all for linear if not given.")
    ] = None,
    norm: Annotated[str | None, typer.Option(help="none, or batch: before each ReLU of an mlp.")] = None,
    norm_out: Annotated[str | None, typer.Option(help="none, or layer: of an mlp's answers.")] = None,
    start: Annotated[str | None, typer.Option(help="model, or scratch: new weights. A recipe is from scratch.")] = None,
    optimizer: Annotated[str, typer.Option(help="adam, or sgd (Nesterov).")] = "adam",
    schedule: Annotated[str | None, typer.Option(help="constant, plateau (sgd's) or cosine.")] = None,
    plateau_factor: Annotated[
        float | None, typer.Option(help="Of the rate, at each plateau of the validation loss; 0.2 if not given.")
    ] = None,
    plateau_patience: Annotated[
        int | None, typer.Option(help="Epochs without a fall that a plateau bears; 5 if not given.")
    ] = None,
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 3e-4,
    weight_decay: Annotated[float, typer.Option(help="Of matrices and kernels.")] = 1e-6,
    layer_decay: Annotated[float, typer.Option(help="Factor of the rate per block, from the head down.")] = 1.0,
    dropout: Annotated[float, typer.Option(help="Before a linear head; after each hidden layer of an mlp.")] = 0.0,
    batch: Annotated[int, typer.Option(help="Windows per step.")] = 64,
    epochs: Annotated[int | None, typer.Option(help="Length of the run; 100 if nothing else is given.")] = None,
    steps: Annotated[int | None, typer.Option(help="Length of the run, instead of epochs.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Length of the run, instead of epochs.", min=0.05)] = None,
    patience: Annotated[int, typer.Option(help="Epochs without a gain before the end; 0: none ends it.")] = 15,
    best_by: Annotated[str, typer.Option(help="metric or loss, of the validation tracks.")] = "metric",
    segments: Annotated[str, typer.Option(help="random: a window a track and epoch; all: every window.")] = "random",
    augment: Annotated[str, typer.Option(help="none, or recipe: the encoder's own chain.")] = "none",
    seconds: Annotated[float | None, typer.Option(help="Length of a window; the model's if not given.")] = None,
    share: Annotated[float, typer.Option(help="Share of the labelled training tracks.")] = 1.0,
    share_rule: Annotated[str, typer.Option(help="exact, or powerset (CLMR's).")] = "exact",
    untagged: Annotated[str, typer.Option(help="Tracks without any tag: out, or in: they have none of them.")] = "out",
    empty: Annotated[str, typer.Option(help="A class without a training track: refuse, or drop it.")] = "refuse",
    aggregate: Annotated[
        str | None,
        typer.Option(help="Mean over windows of: probabilities, logits, embeddings; probabilities if not given."),
    ] = None,
    valid_windows: Annotated[int, typer.Option(help="Windows of a validation track per epoch; 0: all.")] = 3,
    precision: Annotated[str, typer.Option(help="32 or bf16.")] = "32",
    seed: Annotated[int, typer.Option(help="Of weights, order, windows and share.")] = 0,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.")] = None,
    evaluate: Annotated[Path | None, typer.Option(help="Only test this run, or a model with a classifier.")] = None,
    split: Annotated[str, typer.Option(help="With --evaluate: test, valid, train or all.")] = "test",
    corrupt: Annotated[
        list[str] | None,
        typer.Option(help="With --evaluate: corrupt the tested windows, as `embed --corrupt`; repeatable."),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the results of the test to this file, too.")] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu, ...")] = "auto",
) -> None:
    """Learn a label field on an encoder: frozen under a head, or trained with it; then test on the test split.

    The best checkpoint by validation is kept and tested: every labelled test track once, from all of its windows, with
    95 % intervals. Ctrl-C saves; `--resume RUN` goes on.
    """
    began = time.monotonic()
    of_head: dict[str, Any] = {"hidden": hidden, "layers": layers, "bias": bias, "norm": norm, "norm_out": norm_out}
    of_plateau: dict[str, Any] = {"plateau_factor": plateau_factor, "plateau_patience": plateau_patience}
    of_adapters: dict[str, Any] = {"rank": rank, "alpha": alpha}
    stored = {f"--{name.replace('_', '-')}": value for name, value in (of_head | of_plateau | of_adapters).items()}
    if evaluate is not None:
        _forbid({"MODEL": model, "--resume": resume, "-o": out, **stored}, beside="--evaluate")
        _test(
            evaluate, data, field=field, untagged=untagged, aggregate=aggregate, split=split, corrupt=corrupt,
            json=json, accelerator=accelerator,
        )  # fmt: skip
        return
    _forbid({"--corrupt": corrupt}, beside="training: give --evaluate RUN")
    if resume is not None:
        length = {"--steps": steps, "--epochs": epochs}
        _forbid({"MODEL": model, "-o": out, "--field": field, **length, **stored}, beside="--resume")
        _go_on(resume, data, minutes=minutes, accelerator=accelerator, json=json, began=began)
        return
    if model is None:
        raise UserError("is missing", name="MODEL", fix="Give a model, a run, or a recipe to start from scratch.")
    followed = None if protocol is None or data is None else _followed(data, protocol)
    if followed is not None:
        field, aggregate = field or _fields_of(followed), aggregate or followed.aggregate
    if data is None or not field:
        missing, fix = (
            ("--data", "Give a library.") if data is None else ("--field", "Name a label field of the library.")
        )
        raise UserError("is missing", name=missing, fix=fix)
    if sum(length is not None for length in (epochs, steps, minutes)) > 1:
        raise UserError("are lengths of the run", name="--epochs, --steps, --minutes", fix="Give one of them.")
    from contramuse.train.finetune import Settings
    from contramuse.train.finetune.start import is_recipe

    begin: Any = start or ("scratch" if is_recipe(model) else "model")
    chosen: dict[str, Any] = {
        "encoder": encoder or ("full" if begin == "scratch" else "frozen"), "head": head, "start": begin,
        "optimizer": optimizer, "schedule": schedule or ("plateau" if optimizer == "sgd" else "constant"),
        "segments": segments, "augment": augment, "share_rule": share_rule, "untagged": untagged, "empty": empty,
        "aggregate": aggregate or "probabilities", "best_by": best_by, "precision": precision,
        "protocol": protocol or "", "metric": "" if followed is None else followed.metrics[0],
    }  # fmt: skip
    settings = Settings(
        fields=tuple(field), rate=rate, weight_decay=weight_decay, layer_decay=layer_decay, dropout=dropout,
        batch=batch, epochs=100 if epochs is None else epochs, steps=steps or 0, patience=patience,
        seconds=seconds or 0.0, share=share, valid_windows=valid_windows, seed=seed, **chosen, **of_head, **of_plateau,
        **of_adapters,
    )  # fmt: skip
    _begin(
        model, overrides or [], data, out, settings, minutes=minutes, accelerator=accelerator, json=json, began=began
    )


def _followed(data: Path, name: str) -> Any:
    """The published protocol ``name``, which must fit the library."""
    from contramuse.catalogue.library import Library
    from contramuse.probes.published import protocols_for

    return protocols_for(Library.open(data), (name,))[name]


def _fields_of(followed: Any) -> list[str]:
    if followed.task != "probe":
        raise UserError("has no labels to learn", name="--protocol", fix="`contramuse playlists` measures it.")
    return list(followed.fields)


def _forbid(given: dict[str, Any], *, beside: str) -> None:
    for name, value in given.items():
        if value or value == 0:
            raise UserError(f"does not go with {beside}", name=name, value=value, fix="Leave it out.")


def _begin(
    model: str, overrides: list[str], data: Path, out: Path | None, settings: Any, *, minutes: float | None,
    accelerator: str, json: Path | None, began: float,
) -> None:  # fmt: skip
    from rich.console import Console

    from contramuse.catalogue.library import Library
    from contramuse.encoders.memory import keep_freed_memory
    from contramuse.train.finetune import fine_tune
    from contramuse.train.runs import next_run

    keep_freed_memory()
    run = out or next_run(f"{Path(model).stem}-{'+'.join(settings.fields)}")
    done = fine_tune(
        model, Library.open(data), run, settings=settings, overrides=overrides, minutes=minutes,
        accelerator=accelerator, console=Console(), began=began,
    )  # fmt: skip
    _report(done.results, run, json, stopped_by=done.stopped_by)


def _go_on(
    run: Path, data: Path | None, *, minutes: float | None, accelerator: str, json: Path | None, began: float
) -> None:
    from rich.console import Console

    from contramuse.catalogue.library import Library
    from contramuse.encoders.memory import keep_freed_memory
    from contramuse.train.finetune import resume
    from contramuse.train.runs import stored_run

    keep_freed_memory()
    facts = stored_run(run)
    library = Library.open(data or facts["library"])
    budget = minutes or facts["minutes"]
    done = resume(run, library, minutes=budget, accelerator=accelerator, console=Console(), began=began)
    _report(done.results, run, json, stopped_by=done.stopped_by)


def _test(
    run: Path, data: Path | None, *, field: list[str] | None, untagged: str, aggregate: str | None, split: str,
    corrupt: list[str] | None, json: Path | None, accelerator: str,
) -> None:  # fmt: skip
    from rich.console import Console

    from contramuse.catalogue.library import Library
    from contramuse.train.finetune import evaluate
    from contramuse.train.finetune.settings import WORDS
    from contramuse.train.runs import stored_run

    if aggregate is not None and aggregate not in WORDS["aggregate"]:
        fix = f"Give {', '.join(WORDS['aggregate'])}."
        raise UserError("is not possible", name="--aggregate", value=aggregate, fix=fix)
    trained = (run / "run.json").exists() or not run.exists()  # else a model that was published with its classifier
    if trained and field:
        raise UserError("is known of a run", name="--field", value=", ".join(field), fix="Leave it out.")
    if not trained and data is None:
        raise UserError("is missing", name="--data", fix="Give a library with labels.")
    library = Library.open(data or stored_run(run)["library"])
    rule: Any = aggregate
    with Console(stderr=True).status("testing") as status:
        found = evaluate(
            run, library, split=split, aggregate=rule, field=field[0] if field else None, untagged=untagged,
            corrupt=corrupt or (), accelerator=accelerator,
            progress=lambda done: status.update(f"testing: {done:,} tracks"),
        )  # fmt: skip
    _report(found, None, json, stopped_by="")


def _report(found: dict[str, Any] | None, run: Path | None, json: Path | None, *, stopped_by: str) -> None:
    from rich.console import Console

    from contramuse.files import write_json
    from contramuse.train.finetune.evaluation import table

    if found is not None:
        console = Console()
        console.print(table(found))
        if found["unknown_classes"]:
            unknown = ", ".join(found["unknown_classes"])
            console.print(f"The head does not know: {unknown}. Tracks with nothing else are left out.", highlight=False)
        if found["unlabelled"]:
            console.print(
                f"{found['unlabelled']:,} tracks of the split have no label and are left out.", highlight=False
            )
        for one in found["references"]:
            said = f"published: {one['system']}: {one['metric']} {one['value']:.3f} ({one['split']}; {one['source']})"
            console.print(said, highlight=False, markup=False, soft_wrap=True)
        if run is not None:
            console.print(f"all numbers: {run / 'test.json'}", highlight=False, soft_wrap=True)
        if json is not None:
            write_json(json, found)
    if stopped_by.startswith("SIG"):
        raise typer.Exit(130)
