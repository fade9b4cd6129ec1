"""Upsampling by whole factors that is written as copies: PACK of one tensor, and RESHAPE."""

import numpy as np

from tinydet.compiler.ir import Graph, Op, PackOptions, ResizeOptions, Tensor
from tinydet.compiler.passes.editing import with_ops_replaced, without_dead_ops

MAX_ELEMENTS = 2**22  # of an output that is looked at
MAX_CHAIN = 8
IMAGE_RANK = 4
NEAREST = ResizeOptions(align_corners=False, half_pixel_centers=False)


def recognise_upsampling(graph: Graph) -> Graph:
    """Make a RESIZE_NEAREST_NEIGHBOR of a chain of PACK and RESHAPE that repeats pixels.

    The TF Object Detection API stacks an image with itself along new dimensions and merges them.
    Whether a chain does that is computed, on numbered elements. Factors are powers of two, for
    which the resize's own arithmetic is exact.
    """
    producers = graph.producers()
    changes = {}
    for position, op in enumerate(graph.ops):
        chain = _chain(graph, producers, op)
        if any(isinstance(each.options, PackOptions) for each in chain):
            source = chain[-1].source()
            if _repeats_pixels(graph, chain, graph.tensors[source], graph.output(op)):
                resize = Op("RESIZE_NEAREST_NEIGHBOR", op.name, (source,), op.outputs, NEAREST)
                changes[position] = resize
    return without_dead_ops(with_ops_replaced(graph, changes)) if changes else graph


def _chain(graph: Graph, producers: dict[int, int], op: Op | None) -> list[Op]:
    """The operators that only copy and reshape, back from one of them."""
    chain: list[Op] = []
    while op is not None and len(chain) < MAX_CHAIN and _only_copies(op):
        chain.append(op)
        position = producers.get(op.source())
        op = None if position is None else graph.ops[position]
    return chain


def _only_copies(op: Op) -> bool:
    stacks = isinstance(op.options, PackOptions) and len(set(op.inputs)) == 1
    return stacks or op.kind == "RESHAPE"


def _repeats_pixels(graph: Graph, chain: list[Op], source: Tensor, output: Tensor) -> bool:
    if len(source.shape) != IMAGE_RANK or len(output.shape) != IMAGE_RANK:
        return False
    if output.num_elements > MAX_ELEMENTS or source.quantization != output.quantization:
        return False
    factors = [a // b for a, b in zip(output.shape, source.shape, strict=True)]
    if any(f & (f - 1) or not f for f in factors) or factors[0] != 1 or factors[3] != 1:
        return False
    numbers = np.arange(source.num_elements).reshape(source.shape)
    expected = numbers.repeat(factors[1], axis=1).repeat(factors[2], axis=2)
    for op in reversed(chain):
        if isinstance(op.options, PackOptions):
            numbers = np.stack([numbers] * len(op.inputs), axis=op.options.axis)
        else:
            numbers = numbers.reshape(graph.output(op).shape)
    return np.array_equal(numbers, expected)
