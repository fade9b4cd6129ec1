"""Scratch memory that kernels need beside their inputs and outputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from tinydet.compiler.ir import ConvOptions, Graph, Op

SCRATCH_ALIGNMENT = 16
_PIXELS_AT_ONCE = 4  # whose inputs a convolution gathers as one group
_BYTES_PER_VALUE = 2
MAX_GROUPS = 8  # TD_CONV_MAX_GROUPS
_CHANNELS_BYTES = 24  # td_conv_channels
_SMALLEST_CACHE_BYTES = 4096
_CACHED_WEIGHT_BYTES = 2048  # stay in it anyway
MIN_READINGS = 3  # of weights from flash, from which on a copy of them in RAM pays
# Of more groups than one. Where the arena lies behind a cache, what was gathered must stay in it;
# arenas of up to the size of the data TCM of most boards lie there.
_MAX_GATHERED_BYTES, _MAX_GATHERED_BYTES_IN_TCM = 8 * 1024, 48 * 1024
_TCM_BYTES = 128 * 1024


@dataclass(frozen=True)
class Scratch:
    """Memory that an operator's kernel uses while it runs.

    Attributes:
        size_bytes: All of it, a multiple of 16, the alignment of the memory; 0 for none.
        kept_bytes: The share at its end that must last from the first call to the last one. The
            rest means nothing between calls.
    """

    size_bytes: int
    kept_bytes: int = 0


@dataclass(frozen=True)
class Room:
    """What there is for the scratch memory of an operator.

    Attributes:
        own_bytes: While it runs.
        throughout_bytes: From its first call to its last one.
        calls: Number of its calls.
        arena_bytes: Of the arena that it lies in.
        keeps: Constants may be kept in it.
        is_cached: The core reads RAM through a cache, or may do so.
    """

    own_bytes: int
    throughout_bytes: int
    calls: int
    arena_bytes: int
    keeps: bool
    is_cached: bool = True


def least_scratch_bytes(graph: Graph, op: Op) -> int:
    """Bytes that an operator's kernel cannot do without; 0 for kernels that need none.

    Convolutions gather what a group of four output pixels sees, as int16.

    Args:
        graph: The network.
        op: One of its operators.
    """
    return _rounded(_group_bytes(graph, op)) if op.kind == "CONV_2D" else 0


def useful_scratch(graph: Graph, op: Op, room: Room) -> Scratch:
    """The memory with which an operator's kernel reads its weights from flash least often.

    With room for several groups of pixels, a convolution reads weights that do not stay in the
    cache once for all of these. With room for a copy of its weights, it reads them from flash once.

    Args:
        graph: The network.
        op: One of its operators.
        room: Memory that there is; at least what it cannot do without.
    """
    if op.kind != "CONV_2D":
        return Scratch(0)
    _, height, width, channels = graph.output(op).shape
    group_bytes = _group_bytes(graph, op)
    groups_of_call = -(-height * width // (room.calls * _PIXELS_AT_ONCE))
    pair_bytes = group_bytes // _PIXELS_AT_ONCE
    stay_cached = pair_bytes * channels // 2 <= _CACHED_WEIGHT_BYTES
    limit_bytes = (
        _MAX_GATHERED_BYTES_IN_TCM if room.arena_bytes <= _TCM_BYTES else _MAX_GATHERED_BYTES
    )
    copy_groups = 0 if room.is_cached else MAX_GROUPS // 4  # whose room that of a copy may be
    useful = 1 if stay_cached else min(MAX_GROUPS, groups_of_call + copy_groups)

    def groups_in(size_bytes: int) -> int:
        return max(1, min(useful, min(size_bytes, limit_bytes) // group_bytes))

    groups = groups_in(room.own_bytes)
    shares_readings = room.is_cached and pair_bytes + group_bytes <= _SMALLEST_CACHE_BYTES
    together = groups if shares_readings else 1
    readings = room.calls * -(-groups_of_call // together)
    pairs = -(-channels // 2)
    kept_bytes = pairs * (pair_bytes + _CHANNELS_BYTES)
    behind_bytes = room.throughout_bytes - kept_bytes - SCRATCH_ALIGNMENT
    if room.keeps and readings >= MIN_READINGS and behind_bytes >= group_bytes:
        # Without a cache, copies are as fast for one group after the other as for many.
        groups = groups_in(behind_bytes) if room.is_cached else 1
        return Scratch(_rounded(groups * group_bytes + kept_bytes), kept_bytes)
    return Scratch(_rounded(groups * group_bytes))


def _rounded(size_bytes: int) -> int:
    return -(-size_bytes // SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT


def convolution_groups(graph: Graph, op: Op, size_bytes: int) -> int:
    """Groups of four output pixels that scratch memory of a CONV_2D has room for, at most 8."""
    return min(MAX_GROUPS, size_bytes // _group_bytes(graph, op))


def _group_bytes(graph: Graph, op: Op) -> int:
    assert isinstance(op.options, ConvOptions)
    runs, _, padded = window_runs(graph.required_input(op, 1).shape, op.options.dilation_width)
    return _PIXELS_AT_ONCE * _BYTES_PER_VALUE * runs * padded


def window_runs(weights_shape: Sequence[int], dilation_width: int) -> tuple[int, int, int]:
    """The runs of adjacent values that a convolution's window is gathered in.

    Args:
        weights_shape: Output channels, filter height, filter width, input channels.
        dilation_width: Distance of horizontally neighbouring taps; 1 joins them to one run.

    Returns:
        Number of runs, values of each, and the same filled up to whole pairs.

    >>> window_runs((16, 3, 3, 3), dilation_width=1)
    (3, 9, 10)
    >>> window_runs((16, 3, 3, 4), dilation_width=2)
    (9, 4, 4)
    """
    _, height, width, channels = weights_shape
    runs, length = (height, width * channels) if dilation_width == 1 else (height * width, channels)
    return runs, length, length + length % 2
