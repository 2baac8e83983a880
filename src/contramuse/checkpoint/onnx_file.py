"""The weights of an ONNX file in the order in which its graph uses them. Nothing of the graph is run.

Names of weights in an ONNX file are the exporter's, and constant folding renames them; what stays is the graph. So
weights are found through their nodes: convolutions with the batch normalisation that follows each, if it has not been
folded into the convolution, and linear layers (Gemm, or MatMul and Add).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contramuse.checkpoint.protobuf import every, integer, message, text
from contramuse.errors import ModelFileError

GRAPH = 7
NODE, INITIALIZER, INPUT, OUTPUT = 1, 5, 11, 12
TYPES: dict[int, str] = {1: "<f4", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}
"""ONNX's element types that are read -> numpy's."""
NUMBERS = {"<f4": 4, "<i4": 5, "<i8": 7}
"""Field of the values where they are not kept as raw bytes."""
EXTERNAL = 1

Array = NDArray[Any]


@dataclass(frozen=True)
class Layer:
    """A layer with weights.

    Args:
        kind: "conv" or "linear".
        weight: [o i k] of a convolution in one dimension, [o i] of a linear layer.
        bias: [o]; None where there is none.
        norm: weight, bias, mean and variance [4 o] of the batch normalisation that follows; None where there is none.
        epsilon: added to that variance.
        strides: of a convolution.
        pads: of a convolution, before and after.
    """

    kind: str
    weight: Tensor
    bias: Tensor | None = None
    norm: Tensor | None = None
    epsilon: float = 1e-5
    strides: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()


@dataclass(frozen=True)
class Node:
    """One operation of the graph: what it is, and the names of what it reads and gives."""

    op: str
    inputs: list[str]
    outputs: list[str]
    data: memoryview


def is_onnx(file: str | Path) -> bool:
    """Whether a file begins as an ONNX file does: the version of the format, then one of the fields after it."""
    try:
        with open(file, "rb") as stream:
            first = stream.read(3)
    except OSError:
        return False
    return len(first) == 3 and first[0] == 0x08 and first[1] < 64 and first[2] >> 3 in range(2, 9)


def read_layers(file: str | Path) -> list[Layer]:
    """The layers with weights of an ONNX file, in the order of its nodes.

    Raises:
        ModelFileError: it is cut or damaged, or its weights lie in another file.
    """
    try:
        graph = message(memoryview(Path(file).read_bytes()), GRAPH)
        nodes = [_node(data) for data in every(graph, NODE, "bytes")]
        values = dict(_tensor(data) for data in every(graph, INITIALIZER, "bytes"))
        for node in nodes:
            if node.op == "Constant":
                values[node.outputs[0]] = _constant(node)
            elif node.op in ("Identity", "Cast") and node.inputs[0] in values:
                values[node.outputs[0]] = values[node.inputs[0]]
            elif node.op == "Transpose" and node.inputs[0] in values:
                values[node.outputs[0]] = np.transpose(values[node.inputs[0]], _ints(node, "perm") or None)
        return _layers(nodes, values)
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise ModelFileError(
            f"cannot be read as ONNX ({error})", name="checkpoint", value=Path(file),
            fix="Download it again; a model whose weights lie in files beside it has to be saved as one file.",
        ) from error  # fmt: skip


def _layers(nodes: list[Node], values: dict[str, Array]) -> list[Layer]:
    found: list[Layer] = []
    place: dict[str, int] = {}
    for node in nodes:
        known = [values.get(name) for name in node.inputs]
        if node.op == "Conv" and known[1] is not None:
            bias = _float(known[2]) if len(known) > 2 else None
            strides, pads = tuple(_ints(node, "strides")), tuple(_ints(node, "pads"))
            found.append(Layer("conv", _weight(known[1]), bias, strides=strides, pads=pads))
        elif node.op == "BatchNormalization" and node.inputs[0] in place:
            norm = torch.stack([_weight(value) for value in known[1:5]])
            found[place[node.inputs[0]]] = replace(
                found[place[node.inputs[0]]], norm=norm, epsilon=_number(node, "epsilon", 1e-5)
            )
            continue
        elif node.op == "Gemm" and known[1] is not None:
            weight = _weight(known[1])
            bias = _float(known[2]) if len(known) > 2 else None
            found.append(Layer("linear", weight if _int(node, "transB") else weight.T.contiguous(), bias))
        elif node.op == "MatMul" and known[1] is not None and known[1].ndim == 2:
            found.append(Layer("linear", _weight(known[1]).T.contiguous()))
        elif node.op == "Add" and any(name in place for name in node.inputs):
            _add(node, known, place, found)
            continue
        else:
            continue
        place[node.outputs[0]] = len(found) - 1
    return found


def _add(node: Node, known: list[Array | None], place: dict[str, int], found: list[Layer]) -> None:
    """The bias that is added to what a MatMul gave."""
    at = next(place[name] for name in node.inputs if name in place)
    added = next((value for value in known if value is not None and value.ndim == 1), None)
    if added is not None and found[at].kind == "linear" and found[at].bias is None:
        found[at] = replace(found[at], bias=_weight(added))


def _weight(value: Array | None) -> Tensor:
    if value is None:
        raise ValueError("a layer's weights are computed by the graph")
    return torch.from_numpy(np.ascontiguousarray(value, np.float32).copy())


def _float(value: Array | None) -> Tensor | None:
    return None if value is None else _weight(value)


def _node(data: memoryview) -> Node:
    names = [[bytes(name).decode("utf-8") for name in every(data, field, "bytes")] for field in (1, 2)]
    return Node(text(data, 4), names[0], names[1], data)


def _attribute(node: Node, name: str) -> memoryview:
    """The attribute ``name`` of a node; empty without it."""
    return next((held for held in every(node.data, 5, "bytes") if text(held, 1) == name), memoryview(b""))


def _ints(node: Node, name: str) -> list[int]:
    return every(_attribute(node, name), 8, "int")


def _int(node: Node, name: str) -> int:
    return integer(_attribute(node, name), 3)


def _number(node: Node, name: str, default: float) -> float:
    bits = every(_attribute(node, name), 2, "int")
    return float(struct.unpack("<f", struct.pack("<I", bits[-1]))[0]) if bits else default


def _constant(node: Node) -> Array:
    held = message(_attribute(node, "value"), 5)
    return _tensor(held)[1] if len(held) else np.zeros(0, np.float32)


def _tensor(data: memoryview) -> tuple[str, Array]:
    """Name and values of a stored tensor.

    Raises:
        ValueError: they lie in another file, are of a type that is not read, or are more or fewer than its shape says.
    """
    name, shape, kind = text(data, 8), every(data, 1, "int"), integer(data, 2)
    if integer(data, 14) == EXTERNAL or every(data, 13, "bytes"):
        raise ValueError(f"the values of {name} lie in another file")
    if kind not in TYPES:
        return name, np.zeros(0, np.float32)  # of text and the like, which no layer's weights are
    raw = every(data, 9, "bytes")
    if raw:
        values: Array = np.frombuffer(raw[-1], TYPES[kind])
    else:
        values = _listed(data, TYPES[kind])
    if min(shape, default=0) < 0 or math.prod(shape) != len(values):
        raise ValueError(f"{name} has {len(values)} values for the shape {shape}")
    return name, values.reshape(shape)


def _listed(data: memoryview, kind: str) -> Array:
    """Values that are kept one by one: packed floats, or numbers."""
    if kind not in NUMBERS:
        raise ValueError("values of this type are read as raw bytes only")
    if kind != "<f4":
        return np.array(every(data, NUMBERS[kind], "int"), kind)
    return np.frombuffer(b"".join(bytes(part) for part in every(data, NUMBERS[kind], "bytes")), kind)
