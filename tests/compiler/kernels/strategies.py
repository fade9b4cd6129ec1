"""What Hypothesis draws for kernels."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

seeds = st.integers(0, 2**32 - 1)
zero_points = st.one_of(st.sampled_from([-128, 127, 0]), st.integers(-128, 127))


def multipliers(max_shift=12):
    """(multiplier, shift) of a factor, with the ends of both ranges and the factor 0."""
    return st.tuples(
        st.one_of(st.sampled_from([0, 2**30, 2**31 - 1]), st.integers(2**30, 2**31 - 1)),
        st.one_of(st.integers(-12, 0), st.integers(-31, max_shift)),
    )


@st.composite
def clamps(draw, low=-128, high=127):
    """output_min <= output_max; most often the whole range."""
    if draw(st.booleans()):
        return low, high
    ends = sorted(draw(st.tuples(st.integers(low, high), st.integers(low, high))))
    return ends[0], ends[1]


@st.composite
def geometries(draw, max_side=9, dilation=True):
    """(input size, geometry of oracle.windows): windows may lie (partly) outside the image."""
    height, width = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    filter_size = draw(st.sampled_from([(1, 1), (3, 3), (3, 3), (2, 3), (1, 4), (5, 2)]))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    spread = st.integers(1, 3) if dilation else st.just(1)
    dilations = draw(st.tuples(spread, spread))
    padding = draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    output = draw(st.tuples(st.integers(1, 5), st.integers(1, 8)))
    return (height, width), (output, filter_size, stride, dilations, padding)


@st.composite
def splits(draw, count):
    """Consecutive ranges that cover [0, count), in any order."""
    cuts = sorted(draw(st.lists(st.integers(0, count), max_size=3)))
    edges = [0, *cuts, count]
    return draw(st.permutations(list(pairwise(edges))))


def int8_values(rng, *shape, low=-128, high=127):
    """Random values, a quarter of them at the ends of the range."""
    values = rng.integers(low, high + 1, shape)
    ends = rng.choice([low, high], shape)
    return np.where(rng.random(shape) < 0.25, ends, values)


def requant_array(pairs):
    """Pairs as the C struct td_requant lies in memory."""
    return np.array(pairs, np.int32).reshape(-1, 2)
