"""How an encoder is fine-tuned: everything that a run needs to be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from contramuse.errors import UserError
from contramuse.recipe import settings as recipes

Aggregate = Literal["probabilities", "logits", "embeddings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to fine-tune. The defaults are SemiSupCon's probe: a frozen encoder under a head of one hidden layer.

    Args:
        fields: label field; several numeric ones are learnt together.
        encoder: "frozen" (evaluation mode, no gradient), "full", or "lora" (frozen, but for what adapters add to the
            weights of its linear layers).
        rank: of the adapters; None is 8.
        alpha: the adapters' factor, over the rank; None is 16.
        head: "linear", or "mlp" (hidden layers with ReLU).
        hidden: width of an MLP's hidden layers; None is 512.
        layers: hidden layers of an MLP; None is 1.
        bias: "all" gives every layer of the head a bias; None is "none" for an MLP, "all" for a linear head.
        norm: "batch" puts batch normalisation before each ReLU of an MLP; None is "none".
        norm_out: "layer" ends an MLP in layer normalisation of its answers; None is "none".
        start: "model", from its weights, or "scratch", from new ones; under a frozen encoder that is the baseline that
            says what a head learns on random features.
        optimizer: "adam", or "sgd" (Nesterov, momentum 0.9).
        schedule: "constant", "plateau" or "cosine".
        plateau_factor: of each reduction; None is 0.2 (CLMR's supervised baseline; its probe has 0.1).
        plateau_patience: looks without a fall of the validation loss that a plateau bears; None is 5.
        rate: learning rate.
        weight_decay: of matrices and kernels.
        layer_decay: factor of the rate from each block of the encoder to the one before it; 1 leaves them alike.
        dropout: before a linear head, after each hidden layer of an MLP.
        batch: windows per step.
        epochs: length of the run; ``steps`` takes its place where it is above 0.
        steps: length of the run in steps.
        patience: looks at validation (one per epoch) without a gain before the end; 0 never ends early.
        best_by: "metric" or "loss", of the validation tracks, that the best checkpoint is chosen by.
        metric: that it is chosen by; "": the first of the field's kind.
        protocol: name of a published protocol that the run follows, "" for none; its published figures stand beside the
            results.
        segments: "random", a random window of each track per epoch; "all", every whole window is an item.
        augment: "none", or "recipe", the chain of the recipe's own view.
        seconds: length of a window; 0 is the model's.
        share: of the labelled training tracks.
        share_rule: "exact" (every label keeps its share) or "powerset" (CLMR's).
        untagged: of a multi-label field, tracks without any label: "out" are unlabelled, "in" have none of the labels.
        empty: a class without a training track: "refuse" to run, or "drop" the class.
        aggregate: what is averaged over the windows of a tested track.
        valid_windows: windows of a validation track that are looked at each epoch, evenly spread; 0 is all.
        precision: arithmetic of the encoder: "32" or "bf16".
        seed: of the head's weights, the order, windows, augmentation and the share.
    """

    fields: tuple[str, ...]
    encoder: Literal["frozen", "full", "lora"] = "frozen"
    rank: int | None = None
    alpha: float | None = None
    head: Literal["linear", "mlp"] = "mlp"
    hidden: int | None = None
    layers: int | None = None
    bias: Literal["none", "all"] | None = None
    norm: Literal["none", "batch"] | None = None
    norm_out: Literal["none", "layer"] | None = None
    start: Literal["model", "scratch"] = "model"
    optimizer: Literal["adam", "sgd"] = "adam"
    schedule: Literal["constant", "plateau", "cosine"] = "constant"
    plateau_factor: float | None = None
    plateau_patience: int | None = None
    rate: float = 3e-4
    weight_decay: float = 1e-6
    layer_decay: float = 1.0
    dropout: float = 0.0
    batch: int = 64
    epochs: int = 100
    steps: int = 0
    patience: int = 15
    best_by: Literal["metric", "loss"] = "metric"
    metric: str = ""
    protocol: str = ""
    segments: Literal["random", "all"] = "random"
    augment: Literal["none", "recipe"] = "none"
    seconds: float = 0.0
    share: float = 1.0
    share_rule: Literal["exact", "powerset"] = "exact"
    untagged: Literal["out", "in"] = "out"
    empty: Literal["refuse", "drop"] = "refuse"
    aggregate: Aggregate = "probabilities"
    valid_windows: int = 3
    precision: Literal["32", "bf16"] = "32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, words in WORDS.items():
            own = name in HEADS_OWN and getattr(self, name) is None
            _check(name, getattr(self, name), own or getattr(self, name) in words, f"Give {', '.join(words)}.")
        _check(
            "field", "", bool(self.fields) and len(set(self.fields)) == len(self.fields), "Name a label field, once."
        )
        for name in ("batch", "epochs"):
            _check(name, getattr(self, name), getattr(self, name) >= 1, "Give 1 or more.")
        for name in ("steps", "patience", "valid_windows", "seconds", "weight_decay"):
            _check(name, getattr(self, name), 0 <= getattr(self, name) < float("inf"), "Give 0 or more.")
        _check("rate", self.rate, 0 < self.rate < float("inf"), "3e-4 is a usual rate.")
        _check("layer-decay", self.layer_decay, 0 < self.layer_decay <= 1, "0.75 is a usual one, 1 is none.")
        _check("dropout", self.dropout, 0 <= self.dropout < 1, "Give 0 to below 1.")
        _check("share", self.share, 0 < self.share <= 1, "Give a number above 0 and at most 1.")
        _check(
            "layer-decay", self.layer_decay, self.layer_decay == 1 or self.encoder == "full",
            "Only the layers of an encoder that is trained as a whole have rates of their own: leave it out, or give "
            "--encoder full.",
        )  # fmt: skip
        self._check_adapters()
        self._check_head()
        self._check_plateau()

    def _check_adapters(self) -> None:
        rank, alpha = self.rank, self.alpha
        _check("rank", rank, rank is None or rank >= 1, "8 is a usual one.")
        _check("alpha", alpha, alpha is None or 0 < alpha < float("inf"), "Twice the rank is usual.")
        for name, value in (("rank", rank), ("alpha", alpha)):
            fix = f"It is of adapters, and the encoder is {self.encoder}: leave it out, or give --encoder lora."
            _check(name, value, value is None or self.encoder == "lora", fix)

    def _check_head(self) -> None:
        for name in ("hidden", "layers"):
            value = getattr(self, name)
            _check(name, value, value is None or value >= 1, "Give 1 or more; for no hidden layer --head linear.")
        for name in ("hidden", "layers", "norm", "norm_out"):
            value = getattr(self, name)
            fix = "A linear head has no hidden layer: leave it out, or give --head mlp."
            _check(name, value, value is None or self.head == "mlp", fix)

    def _check_plateau(self) -> None:
        factor, patience = self.plateau_factor, self.plateau_patience
        _check("plateau-factor", factor, factor is None or 0 < factor < 1, "Give a number between 0 and 1.")
        _check("plateau-patience", patience, patience is None or patience >= 0, "Give 0 or more.")
        for name, value in (("plateau-factor", factor), ("plateau-patience", patience)):
            fix = f"The rate is {self.schedule}: leave it out, or give --schedule plateau."
            _check(name, value, value is None or self.schedule == "plateau", fix)

    @property
    def adapters(self) -> dict[str, Any]:
        """Rank and alpha of the adapters; empty where there are none."""
        if self.encoder != "lora":
            return {}
        return {"rank": self.rank or 8, "alpha": 16.0 if self.alpha is None else self.alpha}

    @property
    def head_settings(self) -> dict[str, Any]:
        """The head in full, as ``build_head`` takes it and model.json keeps it."""
        if self.head == "linear":
            return {"bias": self.bias or "all"}
        return {
            "hidden": self.hidden or 512, "layers": self.layers or 1, "bias": self.bias or "none",
            "norm": self.norm or "none", "norm_out": self.norm_out or "none",
        }  # fmt: skip

    def train(self, *, per_epoch: int) -> recipes.Train:
        """As the settings of a training run, with ``per_epoch`` steps in an epoch."""
        wanted: recipes.Optimizer = (
            recipes.SGD(lr=self.rate, weight_decay=self.weight_decay)
            if self.optimizer == "sgd"
            else recipes.Adam(lr=self.rate, weight_decay=self.weight_decay)
        )
        plateau = recipes.Plateau(
            factor=0.2 if self.plateau_factor is None else self.plateau_factor,
            patience=5 if self.plateau_patience is None else self.plateau_patience,
        )
        schedules: dict[str, recipes.Schedule] = {
            "constant": recipes.Constant(), "plateau": plateau, "cosine": recipes.Cosine(),
        }  # fmt: skip
        return recipes.Train(
            optimizer=wanted, schedule=schedules[self.schedule], batch=self.batch, precision=self.precision,
            steps=self.steps or self.epochs * per_epoch, seed=self.seed, watch_every=per_epoch,
            checkpoint_every=per_epoch, loggers=("csv",),
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "fields": list(self.fields)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Settings:
        """The inverse of ``to_json``.

        Raises:
            UserError: there are settings that this version does not know.
        """
        known = {one.name for one in fields(cls)}
        if unknown := [name for name in value if name not in known]:
            fix = "The run was made by another version of contramuse."
            raise UserError("is not a setting", name="run.json", value=", ".join(unknown), fix=fix)
        return cls(**{**value, "fields": tuple(value["fields"])})


WORDS: dict[str, tuple[str, ...]] = {
    "encoder": ("frozen", "full", "lora"), "head": ("linear", "mlp"), "start": ("model", "scratch"),
    "bias": ("none", "all"), "norm": ("none", "batch"), "norm_out": ("none", "layer"),
    "optimizer": ("adam", "sgd"), "schedule": ("constant", "plateau", "cosine"), "best_by": ("metric", "loss"),
    "segments": ("random", "all"), "augment": ("none", "recipe"), "share_rule": ("exact", "powerset"),
    "untagged": ("out", "in"), "empty": ("refuse", "drop"), "precision": ("32", "bf16"),
    "aggregate": ("probabilities", "logits", "embeddings"),
}  # fmt: skip
HEADS_OWN = ("bias", "norm", "norm_out")
"""Words that may be left to the kind of the head."""


def _check(name: str, value: object, right: bool, fix: str) -> None:
    if not right:
        raise UserError("is not possible", name=f"--{name.replace('_', '-')}", value=value, fix=fix)
