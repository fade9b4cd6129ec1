"""Tensors that must have one range, because nothing computes between them.

The int8 kernels of these operators move codes and do not rescale them. Where the tensors had
ranges of their own, the converter would put rescaling operators between them.
"""

from tinydet.quantization.folded_network import FoldedNetwork

MOVES_CODES = (
    "RESHAPE",
    "CONCATENATION",
    "PAD",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "MAX_POOL_2D",
    "TRANSPOSE",
    "SQUEEZE",
    "STRIDED_SLICE",
    "PACK",
)


def shared_ranges(network: FoldedNetwork) -> list[tuple[int, ...]]:
    """Groups of activations with one range each, in the order of computation.

    Args:
        network: The folded network.

    Returns:
        Every activation, the image included, is in exactly one group.
    """
    leader = {tensor: tensor for tensor in activations(network)}

    def find(tensor: int) -> int:
        while leader[tensor] != tensor:
            tensor = leader[tensor]
        return tensor

    for layer in network.layers:
        if layer.kind in MOVES_CODES:
            for tensor in layer.inputs:
                leader[find(layer.output)] = find(tensor)
    groups: dict[int, list[int]] = {}
    for tensor in leader:
        groups.setdefault(find(tensor), []).append(tensor)
    return [tuple(group) for group in groups.values()]


def activations(network: FoldedNetwork) -> list[int]:
    """The image and the output of every layer, in the order of computation."""
    return [network.input, *(layer.output for layer in network.layers)]


def computed_of(network: FoldedNetwork, group: tuple[int, ...]) -> tuple[int, ...]:
    """The tensors of a group whose values arise there; the others repeat or mix them."""
    moved = {layer.output for layer in network.layers if layer.kind in MOVES_CODES}
    return tuple(tensor for tensor in group if tensor not in moved) or group
