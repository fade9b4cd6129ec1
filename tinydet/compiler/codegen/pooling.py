"""Pooling as kernel calls."""

from tinydet.compiler.codegen.c_text import Struct
from tinydet.compiler.codegen.calls import KernelCall, Site
from tinydet.compiler.codegen.windows import Fields, ring_fields
from tinydet.compiler.ir import PoolOptions, window_padding
from tinydet.compiler.requant import activation_range


def pool(site: Site) -> list[KernelCall]:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    options = site.op.options
    assert isinstance(options, PoolOptions)
    _, input_height, input_width, channels = site.input().shape
    _, output_height, output_width, _ = site.output.shape
    top, _, left, _ = window_padding(site.graph, site.op)
    low, high = activation_range(options.activation, site.output.scale, site.output.zero_point)
    fields: Fields = (
        ("input_height", input_height),
        ("input_width", input_width),
        ("channels", channels),
        ("output_height", output_height),
        ("output_width", output_width),
        *ring_fields(site),
        ("filter_height", options.filter_height),
        ("filter_width", options.filter_width),
        ("stride_height", options.stride_height),
        ("stride_width", options.stride_width),
        ("pad_top", top),
        ("pad_left", left),
        ("output_min", low),
        ("output_max", high),
    )
    kernel = "td_max_pool_s8" if site.op.kind == "MAX_POOL_2D" else "td_average_pool_s8"
    struct = site.limited(Struct("td_pool_params", fields))
    return [KernelCall(kernel, struct, site.tensors(0), (0, output_height))]
