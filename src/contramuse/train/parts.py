"""The loss taken apart: each contrast's own, that of labelled and of unlabelled rows alone; and shares of positives."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from contramuse.gather import total, world_size
from contramuse.objective import Within
from contramuse.rows import Rows
from contramuse.strategy import WHOLE, Compared, Contrast, Strategy

SUPERVISED, SELF_SUPERVISED = "loss_supervised", "loss_self_supervised"


def contrast_names(strategy: Strategy) -> list[str]:
    """A name for each contrast: the views that it compares, or the head's where all views pass the one; numbered where
    several have the same.
    """
    names = [_name(contrast) for contrast in strategy.each()]
    before = [names[:place].count(name) for place, name in enumerate(names)]
    return [f"{name}_{count + 1}" if count else name for name, count in zip(names, before, strict=True)]


def _name(contrast: Contrast) -> str:
    outputs = {name.partition(".")[2] for name in contrast.between}
    if len(contrast.between) > 1 and len(outputs) == 1 and "" not in outputs:
        return outputs.pop().replace(".", "_")
    return "_".join(contrast.between).replace(".", "_")


def each_loss(strategy: Strategy, losses: Sequence[Tensor]) -> dict[str, Tensor]:
    """The unweighted loss of each contrast as "loss_audio_cf"; nothing where there is but one."""
    if len(losses) < 2:
        return {}
    return {f"loss_{n}": loss.detach() for n, loss in zip(contrast_names(strategy), losses, strict=True)}


def is_small(contrast: Contrast, z: Mapping[str, Tensor]) -> bool:
    """Whether the matrices of ``contrast`` may be held as a whole."""
    queries, keys = (sum(len(z[name]) for name in names) for names in (contrast.queries, contrast.keys))
    return not contrast.chunk and queries * keys * world_size() <= WHOLE


@torch.no_grad()
def taken_apart(strategy: Strategy, z: Mapping[str, Tensor], rows: Mapping[str, Rows]) -> dict[str, Tensor]:
    """Shares of positives, and where labels of some rows are hidden the losses of both kinds of rows alone.

    * "positives" (or "positives_NAME" of each of several contrasts): share of the candidates that are positives,
      1 - the sparsity of the target matrix.
    * "loss_supervised", "loss_self_supervised": the weighted loss with the labelled rows, and with the unlabelled
      rows, as the only queries and keys, over the contrasts whose target reads labels (SemiSupCon, Guinot et al. 2024).

    Nothing learns from this and no queue is read. Contrasts too large to be held as a whole are left out.

    Args:
        strategy: the contrasts.
        z: name in ``between`` -> embeddings [m d] of this process.
        rows: the same names -> who they are.
    """
    found: dict[str, Tensor] = {}
    sums: list[Tensor] = []
    names = contrast_names(strategy)
    for name, contrast in zip(names, strategy.each(), strict=True):
        if not is_small(contrast, z):
            continue
        was_training = contrast.training
        contrast.eval()  # no queue, and no state of an objective moves
        try:
            compared = contrast.compared(z, rows)
            found["positives" if len(names) == 1 else f"positives_{name}"] = share_of_positives(compared)
            if contrast.target.fields() and all("labelled" in rows[view].ids for view in contrast.between):
                sums.append(_by_kind(contrast, z, rows))
        finally:
            contrast.train(was_training)
    hidden = [s for s in sums if s[0, 2] > 0]
    for kind, name in enumerate((SELF_SUPERVISED, SUPERVISED)):
        parts = [s[kind, 0] / s[kind, 1] for s in hidden if s[kind, 1] > 0]
        if parts:
            found[name] = torch.stack(parts).sum()
    return found


def share_of_positives(compared: Compared) -> Tensor:
    """Positives among the candidates, over all processes."""
    positive, candidates = total(torch.stack([((compared.t > 0) & compared.c).sum(), compared.c.sum()]))
    share: Tensor = positive / candidates.clamp(min=1)
    return share


def _by_kind(contrast: Contrast, z: Mapping[str, Tensor], rows: Mapping[str, Rows]) -> Tensor:
    """[kind 3] over all processes: weighted losses, queries that count, rows; unlabelled first, then labelled."""
    apart = copy.copy(contrast)  # the same parts; queries are compared with rows of their own kind only
    apart.candidates = (*contrast.candidates, Within(by="labelled"))
    compared = apart.compared(z, rows)
    losses, counts = contrast.objective.per_row(compared.s, compared.t, compared.c, compared.who.ids["track"])
    counts = counts & compared.counts
    labelled = compared.who.ids["labelled"] == 1
    sums = [
        torch.stack([contrast.weight * (losses * counts * kind).sum(), (counts & kind).sum(), kind.sum()])
        for kind in (~labelled, labelled)
    ]
    return total(torch.stack(sums))
