"""Operators that move, repeat or average values as kernel calls."""

from itertools import pairwise
from math import prod

import numpy as np

from tinydet.compiler.codegen.c_text import Struct, list_of
from tinydet.compiler.codegen.calls import KernelCall, Site, factor
from tinydet.compiler.ir import ConcatOptions, MeanOptions, PadOptions, ResizeOptions
from tinydet.compiler.lookup import nearest_indices
from tinydet.compiler.requant import mean_multiplier, resize_scale_10

COPY_KERNEL = "td_concat_s8"


def copy_parameters(outer: int, input_run: int, output_run: int, output_start: int) -> Struct:
    """Parameters of ``COPY_KERNEL``: ``outer`` runs of bytes into longer ones."""
    fields = (
        ("outer", outer),
        ("input_run", input_run),
        ("output_run", output_run),
        ("output_start", output_start),
    )
    return Struct("td_concat_params", fields)


def reshape(site: Site) -> list[KernelCall]:
    """RESHAPE: nothing where the bytes stay, else a copy."""
    size = site.output.size_bytes
    return [_copy(site, position, copy_parameters(1, size, size, 0)) for position in site.moved]


def concatenation(site: Site) -> list[KernelCall]:
    """CONCATENATION: one call per input that was not written to its place.

    Raises:
        CompilerError: An input has another quantization than the output.
    """
    axis = site.options(ConcatOptions).axis
    outer = prod(site.output.shape[:axis])
    output_run = site.output.size_bytes // outer
    calls, start = [], 0
    for position in range(len(site.op.inputs)):
        part = site.input(position)
        if part.quantization != site.output.quantization:
            raise site.fault(
                f"input {part.name} has another quantization than the output. Convert the model "
                "again with a current converter."
            )
        run = part.size_bytes // outer
        if position in site.moved:
            calls.append(_copy(site, position, copy_parameters(outer, run, output_run, start)))
        start += run
    return calls


def _copy(site: Site, position: int, struct: Struct) -> KernelCall:
    name = site.constants.structure(struct, site.table_name(f"copy_of_input_{position}"))
    return KernelCall(COPY_KERNEL, f"&{name}", (site.index(position), site.op.outputs[0]), None)


def pad(site: Site) -> list[KernelCall]:
    """PAD that could not be folded into a convolution."""
    given = site.options(PadOptions).paddings
    paddings = ((0, 0),) * (3 - len(given)) + given
    shape = (1,) * (3 - len(site.input().shape)) + site.input().shape
    if any(sum(both) for both in paddings[:-3]) or prod(shape[:-3]) != 1:
        raise site.fault("pads more than height, width and channels. Pad these three only.")
    height, width, channels = shape[-3:]
    fields = (
        ("input_height", height),
        ("input_width", width),
        ("input_channels", channels),
        *site.ring_fields(),
        ("before", list_of(before for before, _ in paddings[-3:])),
        ("after", list_of(after for _, after in paddings[-3:])),
        ("value", site.input().zero_point),
    )
    struct = Struct("td_pad_params", site.limited(fields))
    return [site.call("td_pad_s8", struct, (0, height + sum(paddings[-3])))]


def resize_bilinear(site: Site) -> list[KernelCall]:
    """RESIZE_BILINEAR."""
    options = site.options(ResizeOptions)
    input_size, output_size = site.input().shape[1:3], site.output.shape[1:3]
    scales = [
        resize_scale_10(before, after, options.align_corners)
        for before, after in zip(input_size, output_size, strict=True)
    ]
    fields = (
        *site.sizes("input_height", "input_width", "channels", "output_height", "output_width"),
        *site.ring_fields(),
        ("half_pixel_centers", int(options.half_pixel_centers)),
        ("height_scale_10", scales[0]),
        ("width_scale_10", scales[1]),
    )
    return [site.call("td_resize_bilinear_s8", Struct("td_resize_bilinear_params", fields))]


def resize_nearest(site: Site) -> list[KernelCall]:
    """RESIZE_NEAREST_NEIGHBOR."""
    options = site.options(ResizeOptions)
    tables = []
    for axis, what in ((1, "row_of"), (2, "column_of")):
        indices = nearest_indices(
            site.input().shape[axis],
            site.output.shape[axis],
            options.align_corners,
            options.half_pixel_centers,
        )
        table = site.constants.table(np.array(indices, np.int16), site.table_name(what))
        tables.append((what, table))
    fields = (
        *site.sizes("input_width", "channels", "output_height", "output_width"),
        *site.ring_fields(),
        *tables,
    )
    struct = Struct("td_resize_nearest_params", site.limited(fields))
    return [site.call("td_resize_nearest_s8", struct)]


def mean(site: Site) -> list[KernelCall]:
    """MEAN over neighbouring dimensions.

    Raises:
        CompilerError: The dimensions are not neighbours.
    """
    shape, axes = site.input().shape, site.options(MeanOptions).axes
    if any(b != a + 1 for a, b in pairwise(axes)):
        raise site.fault(f"the mean over axes {axes} is not over neighbours. Use two steps.")
    reduced = prod(shape[axes[0] : axes[-1] + 1])
    fields = (
        ("reduced", reduced),
        ("inner", prod(shape[axes[-1] + 1 :])),
        ("requant", factor(mean_multiplier(site.input().scale, site.output.scale, reduced))),
        ("input_offset", -site.input().zero_point),
        ("output_offset", site.output.zero_point),
    )
    struct = Struct("td_mean_params", fields)
    return [site.call("td_mean_s8", struct, (0, prod(shape[: axes[0]])))]
