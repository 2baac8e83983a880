"""Convolution, batch normalisation, ReLU and max-pool as one training step on the CPU, in pieces that stay in cache.

Written one after another, the four layers read and write each activation about a dozen times, in memory that no cache
holds. Here a block is computed piece by piece (a few rows, or a part of one row), with three identities:

* max-pool commutes with a rising function, so that normalisation and ReLU need only what the pool left, a third of it.
  Where a norm's weight is negative the convolution's sign is turned, so that the function always rises.
* A bias before batch normalisation changes nothing but the running mean: it is left out and its gradient is 0.
* The statistics of the first block, which maps 3 samples to 128 channels, follow from the 3 x 3 covariance of its
  input. The block is then one affine map, cheap enough to be computed again in the backward pass instead of stored.

Values and gradients are those of the four layers (the tests compare them, ties in the pool included: the first wins).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

PIECE = 6561 * 128
"""Values of a piece: 3.4 MB in fp32, so that its convolution's input, output and gradient share a last-level cache."""
SEGMENT = 243
"""Longest run for which the gradient of the weights is computed at once: 1.4 times faster than whole rows."""


class Stem(NamedTuple):
    """The first block as an affine map; its output is computed where it is needed.

    Args:
        patches: the waveform, three samples to a row, [b n 3].
        weight, bias: convolution and normalisation in one, [c 3] and [c].
    """

    patches: Tensor
    weight: Tensor
    bias: Tensor


class Piece(NamedTuple):
    """Rows ``first`` to ``last`` of the batch, output positions ``start`` to ``stop`` of the convolution."""

    first: int
    last: int
    start: int
    stop: int


def pieces(rows: int, length: int, channels: int, pool: int) -> Iterator[Piece]:
    """Cut ``rows`` x ``length`` positions into pieces of about ``PIECE`` values that no window of the pool crosses."""
    whole = PIECE // (length * channels)
    if whole:
        for first in range(0, rows, whole):
            yield Piece(first, min(first + whole, rows), 0, length)
        return
    step = max(1, PIECE // (channels * pool)) * pool
    for row in range(rows):
        for start in range(0, length, step):
            yield Piece(row, row + 1, start, min(start + step, length))


def fits(length: int, kernel: int, pool: int) -> bool:
    """Whether a row of ``length`` positions leaves whole windows: the statistics see what the pool sees."""
    return length + 3 - kernel >= pool and (length + 3 - kernel) % pool == 0


def stem(
    x: Float[Tensor, "b t"], weight: Float[Tensor, "c 1 3"], gamma: Float[Tensor, " c"], beta: Float[Tensor, " c"]
) -> tuple[Stem, Float[Tensor, " c"], Float[Tensor, " c"]]:
    """The first block (3 samples to c channels, batch normalisation, ReLU) as a :class:`Stem`, and its statistics.

    The statistics, mean and variance [c], are those of the convolution's output without its bias.
    """
    patches = x.reshape(len(x), -1, 3)
    flat = patches.reshape(-1, 3).double()
    centre = flat.mean(dim=0)
    covariance = flat.T @ flat / len(flat) - torch.outer(centre, centre)
    kernel = weight.squeeze(1).double()
    variance = ((kernel @ covariance) * kernel).sum(dim=1).clamp_min(0)
    scaled = kernel * (gamma.double() * (variance + 1e-5).rsqrt())[:, None]
    shift = beta.double() - scaled @ centre
    return Stem(patches, scaled.float(), shift.float()), (kernel @ centre).detach().float(), variance.detach().float()


class ConvNormPool(torch.autograd.Function):
    """One block: [b l+2 c] with zero edges -> [b l/pool+2 o] with zero edges, and the statistics [o], [o].

    The input is ``x``, or the output of a stem (then ``x`` is its patches [b l 3], and ``stem_weight``, ``stem_bias``
    are given). Values are kept in ``dtype``; sums and everything between two convolutions are computed in fp32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        stem_weight: Tensor | None,
        stem_bias: Tensor | None,
        pool: int,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor, Tensor]:
        source = None if stem_weight is None or stem_bias is None else Stem(x, stem_weight, stem_bias)
        sign = torch.where(gamma < 0, -1.0, 1.0)
        kernel = _flipped(weight, sign, dtype)
        length = x.shape[1] + (3 if source else 1) - weight.shape[2]
        count = len(x) * length
        plan = list(pieces(len(x), length, max(weight.shape[:2]), pool))
        outputs: list[Tensor] = []
        peaks = torch.empty(len(x), length // pool, len(gamma), dtype=dtype)
        means, squares = [], []
        for piece in plan:
            y = _rows(F.conv2d(_image(_input(x, source, piece, weight.shape[2], dtype)), kernel))
            outputs.append(y)
            exact = y.float()
            mean, square = _moments(exact.reshape(-1, len(gamma)))
            means.append(mean)
            squares.append(square)
            peaks[piece.first : piece.last, piece.start // pool : piece.stop // pool] = _peaks(exact, pool)
        mean, variance = _combine(means, squares, [(p.last - p.first) * (p.stop - p.start) for p in plan], count)
        inverse = (variance + 1e-5).rsqrt()
        scale = gamma.abs() * inverse
        out = _rise(peaks, scale, beta - mean * scale)
        ctx.save_for_backward(x, weight, gamma, beta, stem_weight, stem_bias, peaks, mean, inverse, *outputs)
        ctx.plan, ctx.pool, ctx.dtype, ctx.count = plan, pool, dtype, count
        mean = sign * mean
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the arguments of ``forward``, in their order; None for those that are not trained."""
        x, weight, gamma, beta, stem_weight, stem_bias, peaks, mean, inverse, *outputs = ctx.saved_tensors
        source = None if stem_weight is None else Stem(x, stem_weight, stem_bias)
        sign = torch.where(gamma < 0, -1.0, 1.0)
        kernel = _flipped(weight, sign, ctx.dtype)
        width = weight.shape[2]
        scale = gamma.abs() * inverse
        routed, d_beta, d_scale = _through_relu(grad[:, 1:-1], peaks, mean, inverse, scale, beta)
        slope = -scale * inverse * d_scale / ctx.count
        level = -scale * d_beta / ctx.count - slope * mean
        d_kernel = torch.zeros(len(gamma), weight.shape[1], 1, width)
        d_x = torch.zeros_like(x) if source is None else None
        d_stem, d_stem_bias = (
            (None, None) if source is None else (torch.zeros_like(stem_weight), torch.zeros_like(stem_bias))
        )
        for piece, y in zip(ctx.plan, outputs, strict=True):
            window = slice(piece.first, piece.last), slice(piece.start // ctx.pool, piece.stop // ctx.pool)
            d_y = _dense(y.float(), peaks[window].float(), routed[window], slope, level, ctx.pool).to(ctx.dtype)
            inside = _input(x, source, piece, width, ctx.dtype)
            d_kernel += _weight_gradient(d_y, inside, kernel)
            d_inside = _input_gradient(d_y, inside, kernel)
            if d_x is not None:
                d_x[piece.first : piece.last, piece.start : piece.stop + width - 1] += d_inside
            elif source is not None and d_stem is not None and d_stem_bias is not None:
                d_open = torch.ops.aten.threshold_backward(d_inside.float(), inside.float(), 0).flatten(0, 1)
                d_stem += (_patches(source, piece, width).flatten(0, 1).T @ d_open).T
                d_stem_bias += d_open.sum(dim=0)
        d_weight = d_kernel.squeeze(2) * sign[:, None, None]
        return d_x, d_weight, d_scale * sign, d_beta, d_stem, d_stem_bias, None, None


def fused_block(
    x: Tensor, weight: Tensor, gamma: Tensor, beta: Tensor, pool: int, *, source: Stem | None, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """:class:`ConvNormPool` of ``x``, or of the output of ``source``."""
    stem_weight, stem_bias = (None, None) if source is None else (source.weight, source.bias)
    found: tuple[Tensor, Tensor, Tensor] = ConvNormPool.apply(  # type: ignore[no-untyped-call]
        x if source is None else source.patches, weight, gamma, beta, stem_weight, stem_bias, pool, dtype
    )
    return found


def _flipped(weight: Tensor, sign: Tensor, dtype: torch.dtype) -> Tensor:
    """The kernel as a channels-last image kernel [o c 1 k], turned where the norm's weight is negative."""
    return (weight * sign[:, None, None]).to(dtype).unsqueeze(2).contiguous(memory_format=torch.channels_last)


def _image(x: Float[Tensor, "b l c"]) -> Float[Tensor, "b c 1 l"]:
    """Rows as channels-last images, without a copy."""
    return x.unsqueeze(1).permute(0, 3, 1, 2)


def _rows(x: Float[Tensor, "b c 1 l"]) -> Float[Tensor, "b l c"]:
    return x.permute(0, 2, 3, 1).squeeze(1).contiguous()


def _patches(source: Stem, piece: Piece, width: int) -> Float[Tensor, "b l 3"]:
    """What the stem reads for a piece; zeros stand where the padding is."""
    length = source.patches.shape[1]
    start, stop = piece.start - 1, piece.stop + width - 2
    inside = source.patches[piece.first : piece.last, max(start, 0) : min(stop, length)]
    return F.pad(inside, (0, 0, max(-start, 0), max(stop - length, 0)))


def _input(x: Tensor, source: Stem | None, piece: Piece, width: int, dtype: torch.dtype) -> Float[Tensor, "b l c"]:
    """What the convolution reads for a piece."""
    if source is None:
        return x[piece.first : piece.last, piece.start : piece.stop + width - 1]
    patches = _patches(source, piece, width)
    h = F.linear(patches, source.weight, source.bias).relu_()
    if piece.start == 0:
        h[:, 0] = 0
    missing = piece.stop + width - 2 - source.patches.shape[1]
    if missing > 0:
        h[:, -missing:] = 0
    return h.to(dtype)


def _moments(y: Float[Tensor, "n c"]) -> tuple[Tensor, Tensor]:
    """Mean and centred sum of squares of each channel."""
    mean = y.mean(dim=0)
    return mean, (y - mean).square_().sum(dim=0)


def _combine(means: list[Tensor], squares: list[Tensor], counts: list[int], count: int) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance of all pieces from those of each (Chan et al. 1979)."""
    each, share = torch.stack(means).double(), torch.tensor(counts, dtype=torch.float64)[:, None] / count
    mean = (each * share).sum(dim=0)
    between = ((each - mean).square() * share).sum(dim=0)
    return mean.float(), (torch.stack(squares).double().sum(dim=0) / count + between).float()


def _windows(y: Float[Tensor, "b l c"], pool: int) -> Float[Tensor, "b m pool c"]:
    return y.view(len(y), -1, pool, y.shape[2])


def _peaks(y: Float[Tensor, "b l c"], pool: int) -> Float[Tensor, "b m c"]:
    windows = _windows(y, pool)
    peak = torch.maximum(windows[:, :, 0], windows[:, :, 1])
    for place in range(2, pool):
        torch.maximum(peak, windows[:, :, place], out=peak)
    return peak


def _rise(peaks: Float[Tensor, "b m c"], scale: Tensor, shift: Tensor) -> Float[Tensor, "b m+2 c"]:
    """Normalisation and ReLU of what the pool left, between zero edges."""
    out = torch.empty(len(peaks), peaks.shape[1] + 2, peaks.shape[2], dtype=peaks.dtype)
    out[:, 0], out[:, -1] = 0, 0
    for row, peak in enumerate(peaks):
        out[row, 1:-1] = torch.addcmul(shift, peak.float(), scale).relu_()
    return out


def _through_relu(
    grad: Tensor, peaks: Tensor, mean: Tensor, inverse: Tensor, scale: Tensor, beta: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient that reaches each pool window's winner, times ``scale``; and those of the norm's shift and scale."""
    routed = torch.empty(peaks.shape)
    d_beta, d_scale = torch.zeros_like(mean), torch.zeros_like(mean)
    for row, (upper, peak) in enumerate(zip(grad, peaks, strict=True)):
        normal = (peak.float() - mean).mul_(inverse)
        opened = torch.ops.aten.threshold_backward(upper.float(), torch.addcmul(beta, normal, scale / inverse), 0)
        d_beta += opened.sum(dim=0)
        d_scale += normal.mul_(opened).sum(dim=0)
        torch.mul(opened, scale, out=routed[row])
    return routed, d_beta, d_scale


def _dense(y: Tensor, peaks: Tensor, routed: Tensor, slope: Tensor, level: Tensor, pool: int) -> Float[Tensor, "b l c"]:
    """Gradient of the convolution's output: ``level + slope * y``, plus ``routed`` where a window's peak is."""
    d_y = torch.addcmul(level, y, slope)
    windows, out = _windows(y, pool), _windows(d_y, pool)
    left = routed.clone()
    here = torch.empty_like(left)
    for place in range(pool - 1):
        torch.eq(windows[:, :, place], peaks, out=here)
        here *= left
        out[:, :, place] += here
        left -= here
    out[:, :, pool - 1] += left
    return d_y


def _weight_gradient(d_y: Tensor, inside: Tensor, kernel: Tensor) -> Float[Tensor, "o c 1 k"]:
    """Gradient of the kernel, in fp32: one matrix product per tap in 16 bits, by segments of each row in fp32."""
    length, width = d_y.shape[1], kernel.shape[3]
    if d_y.dtype != torch.float32:
        across = d_y.flatten(0, 1).T
        taps = [across @ inside[:, tap : tap + length].flatten(0, 1) for tap in range(width)]
        stacked: Tensor = torch.stack(taps, dim=2).unsqueeze(2).float()
        return stacked
    segment = next(n for n in range(min(SEGMENT, length), 0, -1) if length % n == 0)
    if segment > 20:
        inside = inside.unfold(1, segment + width - 1, segment).permute(0, 1, 3, 2).flatten(0, 1).contiguous()
        d_y = d_y.reshape(-1, segment, d_y.shape[2])
    return _backward(d_y, inside, kernel, of=1)


def _input_gradient(d_y: Tensor, inside: Tensor, kernel: Tensor) -> Float[Tensor, "b l c"]:
    return _backward(d_y, inside, kernel, of=0).permute(0, 2, 3, 1).squeeze(1)


def _backward(d_y: Tensor, inside: Tensor, kernel: Tensor, *, of: Literal[0, 1]) -> Tensor:
    """The gradient of the input (``of`` 0) or of the kernel (1)."""
    one, none, wanted = [1, 1], [0, 0], [of == 0, of == 1, False]
    found: Tensor = torch.ops.aten.convolution_backward(
        _image(d_y), _image(inside), kernel, None, one, none, one, False, none, 1, wanted
    )[of]
    return found
