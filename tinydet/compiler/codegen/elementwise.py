"""Operators that go element by element as kernel calls."""

import numpy as np

from tinydet.compiler.affine_add import affine_add
from tinydet.compiler.codegen.c_text import Struct, float32
from tinydet.compiler.codegen.calls import KernelCall, Site, factor, rows, short_type
from tinydet.compiler.codegen.pair_walk import PairWalk, pair_walk
from tinydet.compiler.ir import AddOptions, MulOptions, SoftmaxOptions
from tinydet.compiler.lookup import logistic_table, softmax_exp_table, softmax_pair_table
from tinydet.compiler.requant import (
    activation_range,
    add_multipliers,
    mul_multiplier,
    relu_multiplier,
    requantize_multiplier,
)


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
    affine = affine_add(
        (a.scale, b.scale, output.scale), (a.zero_point, b.zero_point, output.zero_point)
    )
    fields = (
        ("walk", walk.c_text(_rings(site, walk))),
        ("a_requant", factor(factors[0])),
        ("b_requant", factor(factors[1])),
        ("output_requant", factor(factors[2])),
        ("a_factor", affine.a_factor if affine else 0),
        ("b_factor", affine.b_factor if affine else 0),
        ("addend", affine.addend if affine else 0),
        ("a_offset", -a.zero_point),
        ("b_offset", -b.zero_point),
        ("output_offset", output.zero_point),
        ("output_min", low),
        ("output_max", high),
        ("is_affine", int(affine is not None)),
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
        ("walk", walk.c_text(_rings(site, walk))),
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
    span = (0, rows(site.output))
    if site.output.shape[-1] == 2:
        pairs = softmax_pair_table(site.input().scale, options.beta)
        name = site.constants.table(pairs, site.table_name("softmax"))
        return [KernelCall("td_softmax_pairs_s8", name, site.tensors(0), span)]
    table = np.array(softmax_exp_table(site.input().scale, options.beta), np.int32)
    fields = (
        ("classes", site.output.shape[-1]),
        ("exp_table", site.constants.table(table, site.table_name("exp"))),
    )
    struct = Struct("td_softmax_params", fields)
    return [KernelCall("td_softmax_s8", struct, site.tensors(0), span)]


def _real_parameters(scale: float, zero_point: int) -> Struct:
    return Struct("td_dequantize_params", (("scale", float32(scale)), ("zero_point", zero_point)))


def _walk(site: Site) -> PairWalk:
    walk = pair_walk(site.input(0).shape, site.input(1).shape)
    if walk is None:
        raise site.fault(
            f"shapes {site.input(0).shape} and {site.input(1).shape} alternate too often in what "
            "is broadcast. Reshape one of them."
        )
    return walk


def _rings(site: Site, walk: PairWalk) -> tuple[int, int, int]:
    """Rows that the buffers of both inputs and of the output hold."""
    a, b, output = (
        site.rings.get(-1 if tensor is None else tensor, walk.shape[0])
        for tensor in (*site.op.inputs[:2], site.op.outputs[0])
    )
    return a, b, output
