"""Constants of convolutions as their kernel reads them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.network_builder import NetworkBuilder
from tinydet.compiler.codegen.packing import Quantization, pack_convolution
from tinydet.compiler.kernel_scratch import (
    SCRATCH_ALIGNMENT,
    Room,
    Scratch,
    convolution_groups,
    least_scratch_bytes,
    useful_scratch,
)
from tinydet.compiler.requant import Multiplier

INT8 = (-128, 127)
PLAIN = Quantization(0, INT8, INT8)
seeds = st.integers(0, 2**32 - 1)


def pack(weights, bias=None, quantization=PLAIN, factor=(2**30, -8), **options):
    factors = [Multiplier(*factor)] * len(weights)
    options = {"output_zero_point": 3} | options
    return pack_convolution(weights, bias, factors, quantization, **options)


def unpacked(packed, shape, dilation_width):
    """The weights, read as td_conv_block.h says."""
    count, height, width, channels = shape
    runs, length = (height, width * channels)
    if dilation_width > 1:
        runs, length = height * width, channels
    per_run = 2 * math.ceil(length / 2)
    pairs = packed.weights.reshape(-1, runs * per_run, 2)
    result = np.zeros((2 * len(pairs), runs, length), int)
    for run in range(runs):
        for index in range(length):
            fours = length - length % 4
            place = index - index % 4 + [0, 2, 1, 3][index % 4] if index < fours else index
            two = pairs[:, run * per_run + place]
            if packed.is_joined:
                both = two.astype(np.int8).view("<i2")[:, 0].astype(int)
                first = (both + 128) % 256 - 128
                result[0::2, run, index], result[1::2, run, index] = first, (both - first) // 256
            else:
                result[0::2, run, index], result[1::2, run, index] = two[:, 0], two[:, 1]
    if count % 2:
        assert not result[-2].any()
        result = np.delete(result, -2, axis=0)
    return result.reshape(shape)


@given(
    shape=st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(1, 3), st.integers(1, 13)),
    dilation_width=st.integers(1, 2),
    lowest=st.sampled_from([-128, -127]),
    seed=seeds,
)
def test_every_weight_is_at_its_place(shape, dilation_width, lowest, seed):
    """Whatever the shape; and only what fills up pairs is added."""
    weights = np.random.default_rng(seed).integers(lowest, 128, shape).astype(np.int8)
    packed = pack(weights, dilation_width=dilation_width)
    np.testing.assert_array_equal(unpacked(packed, shape, dilation_width), weights)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_channels_go_in_pairs(channels):
    """Biases hold the zero point, factors are doubled, shifts count from 1; an odd one is last."""
    weights = np.arange(channels * 3, dtype=np.int8).reshape(channels, 1, 1, 3)
    bias = np.arange(100, 100 + channels, dtype=np.int32)
    quantization = Quantization(-7, INT8, INT8)
    rows = pack(weights, bias, quantization, (2**30 + 5, -3)).channels
    numbers = [half for row in rows for half in ((row[0], *row[2:4]), (row[1], *row[4:6]))]
    if channels % 2:
        del numbers[-2]
    expected = [
        (int(100 + c + 7 * weights[c].sum()), 2 * (2**30 + 5) - 2**32, 2) for c in range(channels)
    ]
    assert numbers == expected


def test_plain_only_where_the_short_way_is_exact():
    """Right shifts below 2, factors of 0, other clamps and sums beyond 2**30 go the general way."""
    weights = np.ones((4, 1, 1, 8), np.int8)
    assert pack(weights).is_plain
    assert pack(weights, factor=(2**30, -2)).is_plain
    assert not pack(weights, factor=(2**30, -1)).is_plain
    assert not pack(weights, factor=(0, 0)).is_plain
    assert not pack(weights, quantization=Quantization(0, INT8, (-128, 126))).is_plain
    # |sum| <= |bias| + 8 * 128
    assert pack(weights, np.full(4, 2**30 - 1025, np.int32)).is_plain
    assert not pack(weights, np.full(4, 2**30 - 1024, np.int32)).is_plain


def test_joined_only_where_both_sums_can_be_told_apart():
    """24 bits are left for the second channel; -128 has no room for the sign of the first."""
    weights = np.ones((2, 1, 1, 20), np.int8)
    assert pack(weights).is_joined
    assert not pack(weights[..., :18]).is_joined  # too few to be worth it
    assert pack(weights[..., :4], output_zero_point=-128).is_positive
    assert not pack(weights[..., :2], output_zero_point=-128).is_joined  # the general way
    assert not pack(weights, factor=(2**30, -16), output_zero_point=-128).is_positive
    limit = 2**23 - 20 * 128
    assert pack(weights, np.array([2**29, limit - 1], np.int32)).is_joined
    assert not pack(weights, np.array([0, limit], np.int32)).is_joined
    weights[:, 0, 0, 3] = -1, -128
    assert not pack(weights).is_joined
    weights[:, 0, 0, 3] = 1, -128
    assert pack(weights).is_joined
    assert not pack(weights, factor=(2**30, 1)).is_joined


@pytest.mark.parametrize("channels", [1, 4, 7])
@pytest.mark.parametrize(("filter_size", "dilation"), [((1, 1), 1), ((3, 3), 1), ((3, 2), 2)])
def test_scratch_holds_four_pixels(channels, filter_size, dilation):
    """Two bytes for each value of four windows, runs in pairs, in whole units of alignment."""
    net = NetworkBuilder(0)
    x = net.image(9, 9, channels)
    options = {"dilation_width": dilation, "padding": "SAME"}
    graph = net.graph(net.conv(x, 5, filter_size, **options))
    (op,) = graph.ops
    height, width = filter_size
    runs, length = (height, width * channels) if dilation == 1 else (height * width, channels)
    needed = 4 * 2 * runs * (length + length % 2)
    assert 0 <= least_scratch_bytes(graph, op) - needed < SCRATCH_ALIGNMENT
    assert least_scratch_bytes(graph, op) % SCRATCH_ALIGNMENT == 0


@pytest.mark.parametrize(
    ("size", "channels", "outputs", "most", "groups"),
    [
        ((8, 8), 16, 128, 9000, 1),  # 2048 bytes of weights stay in every cache
        ((8, 8), 16, 129, 9000, 8),
        ((8, 8), 16, 129, 3 * 128 + 127, 3),
        ((8, 8), 16, 129, 0, 1),  # what it cannot do without
        ((3, 3), 64, 64, 9000, 3),  # nine pixels
        ((8, 8), 200, 16, 9000, 5),  # 1600 bytes a group, 8192 are enough
        ((8, 8), 1280, 8, 9000, 1),
    ],
)
def test_weights_that_leave_the_cache_are_read_for_several_groups(
    size, channels, outputs, most, groups
):
    """As many as 8, as the output has, as there is room for."""
    net = NetworkBuilder(0)
    graph = net.graph(net.conv(net.image(*size, channels), outputs))
    (op,) = graph.ops
    scratch = useful_scratch(graph, op, Room(most, most, 1, 200_000, keeps=False))
    assert scratch == Scratch(groups * 8 * channels)
    assert convolution_groups(graph, op, scratch.size_bytes) == groups


@pytest.mark.parametrize(
    ("calls", "throughout", "kept"),
    [
        (1, 40_000, False),  # 64 pixels are two times eight groups
        (8, 40_000, True),  # eight calls read all weights eight times
        (8, 8 * 64 + 64 * 64 + 32 * 24 + SCRATCH_ALIGNMENT, True),
        (8, 8 * 64 + 64 * 64 + 32 * 24, False),
    ],
)
def test_weights_that_are_read_often_are_kept_in_memory_that_is_free_throughout(
    calls, throughout, kept
):
    net = NetworkBuilder(0)
    graph = net.graph(net.conv(net.image(8, 8, 64), 64))
    (op,) = graph.ops
    scratch = useful_scratch(graph, op, Room(40_000, throughout, calls, 100_000, keeps=True))
    assert scratch.kept_bytes == (64 * 64 + 32 * 24 if kept else 0)
    assert 8 * 64 <= scratch.size_bytes - scratch.kept_bytes <= 40_000
    assert scratch.size_bytes <= (throughout if kept else 40_000)
    none = useful_scratch(graph, op, Room(40_000, throughout, calls, 100_000, keeps=False))
    assert none.kept_bytes == 0


def test_without_a_data_cache_a_copy_serves_one_group_at_a_time():
    """As fast as many groups, and in less memory; fewer readings than with a cache make it pay."""
    net = NetworkBuilder(0)
    graph = net.graph(net.conv(net.image(6, 8, 64), 64))
    (op,) = graph.ops
    room = Room(40_000, 40_000, 1, 100_000, keeps=True, is_cached=False)
    kept_bytes = 64 * 64 + 32 * 24
    size_bytes = -(-(8 * 64 + kept_bytes) // SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT
    assert useful_scratch(graph, op, room) == Scratch(size_bytes, kept_bytes)
    assert useful_scratch(graph, op, replace(room, is_cached=True)).kept_bytes == 0
