"""Operators that move, repeat or gather values as kernel calls."""

from itertools import pairwise
from math import prod

import numpy as np

from tinydet.compiler.codegen.c_text import Struct, list_of
from tinydet.compiler.codegen.calls import KernelCall, Site, factor
from tinydet.compiler.codegen.windows import ring_fields
from tinydet.compiler.ir import ConcatOptions, MeanOptions, PadOptions, ResizeOptions
from tinydet.compiler.lookup import nearest_indices
from tinydet.compiler.requant import mean_multiplier, resize_scale_10


def reshape(site: Site) -> list[KernelCall]:
    """RESHAPE: nothing where the bytes stay, else a copy."""
    size = site.output.size_bytes
    return [
        _copy(site, site.op.inputs[position], outer=1, runs=(size, size), start=0)
        for position, _ in site.moved
    ]


def concatenation(site: Site) -> list[KernelCall]:
    """CONCATENATION: one call per input that was not written to its place.

    Raises:
        CompilerError: An input has another quantization than the output.
    """
    options = site.op.options
    assert isinstance(options, ConcatOptions)
    axis = options.axis
    outer = prod(site.output.shape[:axis])
    output_run = site.output.size_bytes // outer
    moved = {position for position, _ in site.moved}
    calls, start = [], 0
    for position, index in enumerate(site.op.inputs):
        part = site.input(position)
        if part.quantization != site.output.quantization:
            raise site.fault(
                f"input {part.name} has another quantization than the output. Convert the model "
                "again with a current converter."
            )
        run = part.size_bytes // outer
        if position in moved:
            calls.append(_copy(site, index, outer=outer, runs=(run, output_run), start=start))
        start += run
    return calls


def _copy(
    site: Site, source: int | None, *, outer: int, runs: tuple[int, int], start: int
) -> KernelCall:
    assert source is not None
    fields = (
        ("outer", outer),
        ("input_run", runs[0]),
        ("output_run", runs[1]),
        ("output_start", start),
    )
    struct = Struct("td_concat_params", fields)
    return KernelCall("td_concat_s8", struct, (source, site.op.outputs[0]), None)


def pad(site: Site) -> list[KernelCall]:
    """PAD that could not be folded into a convolution."""
    options = site.op.options
    assert isinstance(options, PadOptions)
    paddings = ((0, 0),) * (3 - len(options.paddings)) + options.paddings
    shape = (1,) * (3 - len(site.input().shape)) + site.input().shape
    if any(sum(both) for both in paddings[:-3]) or prod(shape[:-3]) != 1:
        raise site.fault("pads more than height, width and channels. Pad these three only.")
    height, width, channels = shape[-3:]
    fields = (
        ("input_height", height),
        ("input_width", width),
        ("input_channels", channels),
        *ring_fields(site),
        ("before", list_of(before for before, _ in paddings[-3:])),
        ("after", list_of(after for _, after in paddings[-3:])),
        ("value", site.input().zero_point),
    )
    struct = site.limited(Struct("td_pad_params", fields))
    return [KernelCall("td_pad_s8", struct, site.tensors(0), (0, height + sum(paddings[-3])))]


def resize_bilinear(site: Site) -> list[KernelCall]:
    """RESIZE_BILINEAR."""
    options = site.op.options
    assert isinstance(options, ResizeOptions)
    _, input_height, input_width, channels = site.input().shape
    _, output_height, output_width, _ = site.output.shape
    fields = (
        ("input_height", input_height),
        ("input_width", input_width),
        ("channels", channels),
        ("output_height", output_height),
        ("output_width", output_width),
        *ring_fields(site),
        ("half_pixel_centers", int(options.half_pixel_centers)),
        ("height_scale_10", resize_scale_10(input_height, output_height, options.align_corners)),
        ("width_scale_10", resize_scale_10(input_width, output_width, options.align_corners)),
    )
    struct = Struct("td_resize_bilinear_params", fields)
    return [KernelCall("td_resize_bilinear_s8", struct, site.tensors(0), (0, output_height))]


def resize_nearest(site: Site) -> list[KernelCall]:
    """RESIZE_NEAREST_NEIGHBOR."""
    options = site.op.options
    assert isinstance(options, ResizeOptions)
    _, input_height, input_width, channels = site.input().shape
    _, output_height, output_width, _ = site.output.shape

    def table(what: str, input_size: int, output_size: int) -> str:
        indices = nearest_indices(
            input_size, output_size, options.align_corners, options.half_pixel_centers
        )
        return site.constants.table(np.array(indices, np.int16), site.table_name(what))

    fields = (
        ("input_width", input_width),
        ("channels", channels),
        ("output_height", output_height),
        ("output_width", output_width),
        *ring_fields(site),
        ("row_of", table("row_of", input_height, output_height)),
        ("column_of", table("column_of", input_width, output_width)),
    )
    struct = site.limited(Struct("td_resize_nearest_params", fields))
    return [KernelCall("td_resize_nearest_s8", struct, site.tensors(0), (0, output_height))]


def mean(site: Site) -> list[KernelCall]:
    """MEAN over neighbouring dimensions.

    Raises:
        CompilerError: The dimensions are not neighbours.
    """
    options = site.op.options
    assert isinstance(options, MeanOptions)
    shape, axes = site.input().shape, options.axes
    if any(b != a + 1 for a, b in pairwise(axes)):
        raise site.fault(f"the mean over axes {axes} is not over neighbours. Use two steps.")
    outer = prod(shape[: axes[0]])
    reduced = prod(shape[axes[0] : axes[-1] + 1])
    fields = (
        ("reduced", reduced),
        ("inner", prod(shape[axes[-1] + 1 :])),
        ("requant", factor(mean_multiplier(site.input().scale, site.output.scale, reduced))),
        ("input_offset", -site.input().zero_point),
        ("output_offset", site.output.zero_point),
    )
    struct = Struct("td_mean_params", fields)
    return [KernelCall("td_mean_s8", struct, site.tensors(0), (0, outer))]
