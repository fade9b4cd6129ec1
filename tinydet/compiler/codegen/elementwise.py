"""Operators that go element by element as kernel calls."""

from dataclasses import dataclass

import numpy as np

from tinydet.compiler.codegen.c_text import Struct, float32, list_of
from tinydet.compiler.codegen.calls import KernelCall, Site, factor, rows, short_type
from tinydet.compiler.ir import AddOptions, MulOptions, SoftmaxOptions
from tinydet.compiler.lookup import logistic_table, softmax_exp_table
from tinydet.compiler.requant import (
    activation_range,
    add_multipliers,
    mul_multiplier,
    relu_multiplier,
    requantize_multiplier,
)


@dataclass(frozen=True)
class PairWalk:
    """How an operator of two inputs walks; see ``td_pair_walk``.

    Attributes:
        shape: Three dimensions of the output.
        a_stride: Step in elements of the first input for each; 0 where it is broadcast.
        b_stride: The same of the second input.
    """

    shape: tuple[int, int, int]
    a_stride: tuple[int, int, int]
    b_stride: tuple[int, int, int]


def pair_walk(a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> PairWalk | None:
    """Write two shapes that NumPy would broadcast as at most three dimensions.

    Neighbouring dimensions in which the same inputs are broadcast become one.

    Args:
        a_shape: Shape of the first input.
        b_shape: Shape of the second input.

    Returns:
        The walk, or None where three dimensions are not enough.

    >>> pair_walk((1, 4, 6, 8), (1, 1, 1, 8))
    PairWalk(shape=(24, 1, 8), a_stride=(8, 0, 1), b_stride=(0, 0, 1))
    >>> pair_walk((1, 4, 6, 8), (1, 4, 6, 8))
    PairWalk(shape=(1, 1, 192), a_stride=(0, 0, 1), b_stride=(0, 0, 1))
    """
    rank = max(len(a_shape), len(b_shape))
    a_full = (1,) * (rank - len(a_shape)) + a_shape
    b_full = (1,) * (rank - len(b_shape)) + b_shape
    groups: list[tuple[int, bool, bool]] = []  # size, whether a and whether b is broadcast
    for a_size, b_size in zip(a_full, b_full, strict=True):
        size = max(a_size, b_size)
        kind = a_size < size, b_size < size
        if size == 1:
            continue
        if groups and groups[-1][1:] == kind:
            size *= groups.pop()[0]
        groups.append((size, *kind))
    if len(groups) > 3:
        return None
    one = (1, False, False)
    middle = [one] * (3 - len(groups))  # single rows lie between the others
    full = [*groups[:-1], *middle, *groups[-1:]] if len(groups) > 1 else [*middle, *groups]
    sizes = [size for size, _, _ in full[:3]]
    return PairWalk(
        (sizes[0], sizes[1], sizes[2]),
        _strides([(size, a) for size, a, _ in full[:3]]),
        _strides([(size, b) for size, _, b in full[:3]]),
    )


def _strides(dimensions: list[tuple[int, bool]]) -> tuple[int, int, int]:
    """Elements from one index to the next, 0 in a broadcast dimension and in one of size 1."""
    strides, step = [], 1
    for size, broadcast in reversed(dimensions):
        strides.append(0 if broadcast or size == 1 else step)
        step *= 1 if broadcast else size
    return strides[2], strides[1], strides[0]


def add(site: Site) -> list[KernelCall]:
    """ADD."""
    options = site.op.options
    assert isinstance(options, AddOptions)
    a, b, output = site.input(0), site.input(1), site.output
    try:
        factors = add_multipliers(a.scale, b.scale, output.scale)
    except ValueError as error:
        raise site.fault(f"{error}. Calibrate with images like those of the task.") from None
    low, high = activation_range(options.activation, output.scale, output.zero_point)
    walk = _walk(site)
    fields = (
        ("walk", _walk_text(walk)),
        ("a_requant", factor(factors[0])),
        ("b_requant", factor(factors[1])),
        ("output_requant", factor(factors[2])),
        ("a_offset", -a.zero_point),
        ("b_offset", -b.zero_point),
        ("output_offset", output.zero_point),
        ("output_min", low),
        ("output_max", high),
    )
    struct = Struct("td_add_params", fields)
    return [KernelCall("td_add_s8", struct, site.tensors(0, 1), (0, walk.shape[0]))]


def mul(site: Site) -> list[KernelCall]:
    """MUL."""
    options = site.op.options
    assert isinstance(options, MulOptions)
    a, b, output = site.input(0), site.input(1), site.output
    low, high = activation_range(options.activation, output.scale, output.zero_point)
    walk = _walk(site)
    fields = (
        ("walk", _walk_text(walk)),
        ("output_requant", factor(mul_multiplier(a.scale, b.scale, output.scale))),
        ("a_offset", -a.zero_point),
        ("b_offset", -b.zero_point),
        ("output_offset", output.zero_point),
        ("output_min", low),
        ("output_max", high),
    )
    struct = Struct("td_mul_params", fields)
    return [KernelCall("td_mul_s8", struct, site.tensors(0, 1), (0, walk.shape[0]))]


def quantize(site: Site) -> list[KernelCall]:
    """QUANTIZE, between 8-bit types or from float."""
    source, target = site.input(), site.output
    span = (0, target.num_elements)
    if source.dtype == "float32":
        kernel = f"td_quantize_{short_type(target)}"
        struct = _real_parameters(target.scale, target.zero_point)
        return [KernelCall(kernel, struct, site.tensors(0), span)]
    low, high = activation_range("NONE", target.scale, target.zero_point, target.dtype)
    fields = (
        ("requant", factor(requantize_multiplier(source.scale, target.scale))),
        ("input_offset", -source.zero_point),
        ("output_offset", target.zero_point),
        ("output_min", low),
        ("output_max", high),
    )
    kernel = f"td_requantize_{short_type(source)}_{short_type(target)}"
    struct = Struct("td_requantize_params", fields)
    return [KernelCall(kernel, struct, site.tensors(0), span)]


def dequantize(site: Site) -> list[KernelCall]:
    """DEQUANTIZE; a detector's tail is cut off before, so that only other networks have it."""
    source = site.input()
    struct = _real_parameters(source.scale, source.zero_point)
    kernel = f"td_dequantize_{short_type(source)}"
    return [KernelCall(kernel, struct, site.tensors(0), (0, source.num_elements))]


def relu(site: Site) -> list[KernelCall]:
    """RELU and RELU6 as operators of their own."""
    source, target = site.input(), site.output
    low, high = activation_range(site.op.kind, target.scale, target.zero_point)
    fields = (
        ("requant", factor(relu_multiplier(source.scale, target.scale))),
        ("input_offset", -source.zero_point),
        ("output_offset", target.zero_point),
        ("output_min", low),
        ("output_max", high),
    )
    struct = Struct("td_requantize_params", fields)
    return [KernelCall("td_requantize_s8_s8", struct, site.tensors(0), (0, target.num_elements))]


def logistic(site: Site) -> list[KernelCall]:
    """LOGISTIC by table."""
    source, target = site.input(), site.output
    table = logistic_table(source.scale, source.zero_point, target.scale, target.zero_point)
    name = site.constants.table(table, site.table_name("logistic"))
    return [KernelCall("td_lookup_s8", name, site.tensors(0), (0, target.num_elements))]


def softmax(site: Site) -> list[KernelCall]:
    """SOFTMAX over the last dimension."""
    options = site.op.options
    assert isinstance(options, SoftmaxOptions)
    table = np.array(softmax_exp_table(site.input().scale, options.beta), np.int32)
    fields = (
        ("classes", site.output.shape[-1]),
        ("exp_table", site.constants.table(table, site.table_name("exp"))),
    )
    struct = Struct("td_softmax_params", fields)
    return [KernelCall("td_softmax_s8", struct, site.tensors(0), (0, rows(site.output)))]


def _real_parameters(scale: float, zero_point: int) -> Struct:
    return Struct("td_dequantize_params", (("scale", float32(scale)), ("zero_point", zero_point)))


def _walk(site: Site) -> PairWalk:
    walk = pair_walk(site.input(0).shape, site.input(1).shape)
    if walk is None:
        raise site.fault(
            f"shapes {site.input(0).shape} and {site.input(1).shape} alternate too often in what "
            "is broadcast. Reshape one of them."
        )
    if walk.shape[:2] == (1, 1) and len(site.output.shape) == 4:
        return _by_image_rows(walk, site.output.shape[1])
    return walk


def _by_image_rows(walk: PairWalk, height: int) -> PairWalk:
    """A walk through two tensors of one shape, so that a kernel can be given a range of rows."""
    row = walk.shape[2] // height
    strides = _strides([(height, False), (1, False), (row, False)])
    return PairWalk((height, 1, row), strides, strides)


def _walk_text(walk: PairWalk) -> str:
    return f"{{{list_of(walk.shape)}, {list_of(walk.a_stride)}, {list_of(walk.b_stride)}}}"
