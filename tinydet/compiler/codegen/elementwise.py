"""Operators that go element by element as kernel calls."""

from dataclasses import dataclass

import numpy as np

from tinydet.compiler.affine_add import affine_add
from tinydet.compiler.codegen.c_text import Struct, float32, list_of
from tinydet.compiler.codegen.calls import Fields, KernelCall, Site, factor, short_type
from tinydet.compiler.ir import AddOptions, LookupOptions, MulOptions, SoftmaxOptions, Tensor
from tinydet.compiler.lookup import logistic_table, softmax_exp_table, softmax_pair_table
from tinydet.compiler.requant import (
    Multiplier,
    add_multipliers,
    mul_multiplier,
    relu_multiplier,
    requantize_multiplier,
)

_Group = tuple[int, bool, bool]  # size, whether a and whether b is broadcast


@dataclass(frozen=True)
class PairWalk:
    """How an operator of two inputs walks; see ``td_pair_walk``.

    Attributes:
        shape: Three dimensions of the output, the first the rows of the image where it is one.
        a_stride: Step in elements of the first input for each; 0 where it is broadcast.
        b_stride: The same of the second input.
    """

    shape: tuple[int, int, int]
    a_stride: tuple[int, int, int]
    b_stride: tuple[int, int, int]


def add(site: Site) -> list[KernelCall]:
    """ADD."""
    options = site.options(AddOptions)
    a, b, output = site.input(0), site.input(1), site.output
    try:
        factors = add_multipliers(a.scale, b.scale, output.scale)
    except ValueError as error:
        raise site.fault(f"{error}. Calibrate with images like those of the task.") from None
    affine = affine_add(
        (a.scale, b.scale, output.scale), (a.zero_point, b.zero_point, output.zero_point)
    )
    walk, walk_field = _walk(site)
    fields: Fields = (
        walk_field,
        ("a_requant", factor(factors[0])),
        ("b_requant", factor(factors[1])),
        ("output_requant", factor(factors[2])),
        ("a_factor", affine.a_factor if affine else 0),
        ("b_factor", affine.b_factor if affine else 0),
        ("addend", affine.addend if affine else 0),
        ("a_offset", -a.zero_point),
        ("b_offset", -b.zero_point),
        *site.output_fields(options.activation),
        ("is_affine", int(affine is not None)),
    )
    struct = Struct("td_add_params", fields)
    return [site.call("td_add_s8", struct, (0, walk.shape[0]), inputs=(0, 1))]


def mul(site: Site) -> list[KernelCall]:
    """MUL."""
    options = site.options(MulOptions)
    a, b, output = site.input(0), site.input(1), site.output
    walk, walk_field = _walk(site)
    fields: Fields = (
        walk_field,
        ("output_requant", factor(mul_multiplier(a.scale, b.scale, output.scale))),
        ("a_offset", -a.zero_point),
        ("b_offset", -b.zero_point),
        *site.output_fields(options.activation),
    )
    struct = Struct("td_mul_params", fields)
    return [site.call("td_mul_s8", struct, (0, walk.shape[0]), inputs=(0, 1))]


def quantize(site: Site) -> list[KernelCall]:
    """QUANTIZE, between 8-bit types or from float."""
    source, target = site.input(), site.output
    if source.dtype == "float32":
        return [_real_call(site, f"td_quantize_{short_type(target)}", target)]
    return [_requantize(site, requantize_multiplier(source.scale, target.scale), "NONE")]


def dequantize(site: Site) -> list[KernelCall]:
    """DEQUANTIZE; a detector's tail is cut off before, so that only other networks have it."""
    return [_real_call(site, f"td_dequantize_{short_type(site.input())}", site.input())]


def relu(site: Site) -> list[KernelCall]:
    """RELU and RELU6 as operators of their own."""
    multiplier = relu_multiplier(site.input().scale, site.output.scale)
    return [_requantize(site, multiplier, site.op.kind)]


def logistic(site: Site) -> list[KernelCall]:
    """LOGISTIC by table."""
    source, target = site.input(), site.output
    table = logistic_table(source.scale, source.zero_point, target.scale, target.zero_point)
    name = site.constants.table(table, site.table_name("logistic"), public=True)
    return [site.call("td_lookup_s8", name, (0, target.num_elements))]


def lookup(site: Site) -> list[KernelCall]:
    """LOOKUP."""
    table = np.array(site.options(LookupOptions).table, np.int8)
    name = site.constants.table(table, site.table_name("codes"), public=True)
    return [site.call("td_lookup_s8", name, (0, site.output.num_elements))]


def softmax(site: Site) -> list[KernelCall]:
    """SOFTMAX over the last dimension."""
    options = site.options(SoftmaxOptions)
    classes = site.output.shape[-1]
    span = (0, site.output.num_elements // classes)
    if classes == 2:
        pairs = softmax_pair_table(site.input().scale, options.beta)
        name = site.constants.table(pairs, site.table_name("softmax"), public=True)
        return [site.call("td_softmax_pairs_s8", name, span)]
    table = np.array(softmax_exp_table(site.input().scale, options.beta), np.int32)
    name = site.constants.table(table, site.table_name("exp"))
    struct = Struct("td_softmax_params", (("classes", classes), ("exp_table", name)))
    return [site.call("td_softmax_s8", struct, span)]


def _requantize(site: Site, multiplier: Multiplier, activation: str) -> KernelCall:
    """Rescaling between 8-bit types, with the clamp of an activation."""
    fields: Fields = (
        ("requant", factor(multiplier)),
        ("input_offset", -site.input().zero_point),
        *site.output_fields(activation),
    )
    kernel = f"td_requantize_{short_type(site.input())}_{short_type(site.output)}"
    return site.call(kernel, Struct("td_requantize_params", fields), (0, site.output.num_elements))


def _real_call(site: Site, kernel: str, codes: Tensor) -> KernelCall:
    """Between float and 8-bit codes."""
    fields = (("scale", float32(codes.scale)), ("zero_point", codes.zero_point))
    return site.call(kernel, Struct("td_dequantize_params", fields), (0, codes.num_elements))


def _walk(site: Site) -> tuple[PairWalk, tuple[str, str]]:
    """How the operator walks, and the field that says so."""
    walk = pair_walk(site.input(0).shape, site.input(1).shape)
    if walk is None:
        raise site.fault(
            f"shapes {site.input(0).shape} and {site.input(1).shape} alternate too often in what "
            "is broadcast. Reshape one of them."
        )
    tensors = (site.index(0), site.index(1), site.op.outputs[0])
    rings = [site.rings.get(tensor, walk.shape[0]) for tensor in tensors]
    lists = [list_of(numbers) for numbers in (walk.shape, walk.a_stride, walk.b_stride)]
    return walk, ("walk", f"{{{', '.join([*lists, *map(str, rings)])}}}")


def pair_walk(a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> PairWalk | None:
    """Write two shapes that NumPy would broadcast as three dimensions.

    Neighbouring dimensions in which the same inputs are broadcast become one, except that the
    rows of an image stay a dimension of their own.

    Args:
        a_shape: Shape of the first input.
        b_shape: Shape of the second input.

    Returns:
        The walk, or None where three dimensions are not enough.

    >>> pair_walk((1, 4, 6, 8), (1, 1, 1, 8))
    PairWalk(shape=(4, 6, 8), a_stride=(48, 8, 1), b_stride=(0, 0, 1))
    >>> pair_walk((1, 4, 6, 8), (1, 4, 6, 8))
    PairWalk(shape=(4, 1, 48), a_stride=(48, 0, 1), b_stride=(48, 0, 1))
    >>> pair_walk((20, 4), (20, 4))
    PairWalk(shape=(1, 1, 80), a_stride=(0, 0, 1), b_stride=(0, 0, 1))
    """
    rank = max(len(a_shape), len(b_shape))
    a_full = (1,) * (rank - len(a_shape)) + a_shape
    b_full = (1,) * (rank - len(b_shape)) + b_shape
    dimensions: list[_Group] = []
    for a_size, b_size in zip(a_full, b_full, strict=True):
        size = max(a_size, b_size)
        dimensions.append((size, a_size < size, b_size < size))
    is_image = rank == 4 and dimensions[0][0] == 1
    rows, others = (dimensions[1:2], dimensions[2:]) if is_image else ([], dimensions)
    groups = rows + _merged(others)
    if len(groups) > 3:
        return None
    one = (1, False, False)
    middle = [one] * (3 - len(groups))  # single rows lie between the others
    full = [*groups[:-1], *middle, *groups[-1:]] if len(groups) > 1 else [*middle, *groups]
    if is_image and len(groups) == 1:  # one pixel wide and deep
        full = [*groups, *middle]
    sizes = [size for size, _, _ in full[:3]]
    return PairWalk(
        (sizes[0], sizes[1], sizes[2]),
        _strides([(size, a) for size, a, _ in full[:3]]),
        _strides([(size, b) for size, _, b in full[:3]]),
    )


def _merged(dimensions: list[_Group]) -> list[_Group]:
    """Without those of size 1, neighbours of the same kind as one."""
    groups: list[_Group] = []
    for size, a, b in dimensions:
        if size == 1:
            continue
        joined = groups.pop()[0] if groups and groups[-1][1:] == (a, b) else 1
        groups.append((joined * size, a, b))
    return groups


def _strides(dimensions: list[tuple[int, bool]]) -> tuple[int, int, int]:
    """Elements from one index to the next, 0 in a broadcast dimension and in one of size 1."""
    strides, step = [], 1
    for size, broadcast in reversed(dimensions):
        strides.append(0 if broadcast or size == 1 else step)
        step *= 1 if broadcast else size
    return strides[2], strides[1], strides[0]
