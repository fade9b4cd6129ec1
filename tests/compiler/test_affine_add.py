"""ADD in one step against the three roundings, in unbounded integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.kernels import oracle
from tinydet.compiler.affine_add import affine_add
from tinydet.compiler.requant import add_multipliers

scales = st.floats(2**-7, 2**-2, width=32)
zero_points = st.tuples(*(st.integers(-128, 127) for _ in range(3)))


@given(scales, scales, st.floats(0.55, 4), zero_points)
@settings(max_examples=25)
def test_the_formula_gives_the_outputs_of_the_reference(a_scale, b_scale, ratio, zeros):
    """On the pairs whose sums lie next to a change of the output, and on others."""
    out_scale = float(np.float32(max(a_scale, b_scale) * ratio))
    found = affine_add((a_scale, b_scale, out_scale), zeros)
    if found is None:  # an exact tie, as between scales of a simple ratio
        return
    factors = add_multipliers(a_scale, b_scale, out_scale)
    values = np.arange(-128, 128)
    exact = (values[:, None] - zeros[0]) * (a_scale / out_scale)
    exact = exact + (values[None, :] - zeros[1]) * (b_scale / out_scale)
    from_tie = np.abs(exact % 1 - 0.5)
    pairs = np.argsort(from_tie, axis=None)[:300].tolist() + list(range(0, 65536, 257))
    for pair in pairs:
        a, b = int(values[pair // 256]), int(values[pair % 256])
        raised = [
            oracle.rescaled((value - zero) << 20, factor)
            for value, zero, factor in zip((a, b), zeros, factors[:2], strict=False)
        ]
        wanted = oracle.rescaled(sum(raised), factors[2]) + zeros[2]
        total = found.addend + found.a_factor * a // 256 + found.b_factor * b // 256
        assert -(2**31) <= total < 2**31
        assert min(max(total // 2**22, -128), 127) == min(max(wanted, -128), 127)


def test_most_scales_have_a_formula():
    """Else it is of no use: scales of a calibration have no simple ratios."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(50):
        a, b = (float(v) for v in rng.uniform(0.01, 0.2, 2).astype(np.float32))
        out = float(np.float32(np.hypot(a, b) * rng.uniform(0.8, 1.2)))
        found += affine_add((a, b, out), (3, -20, 7)) is not None
    assert found >= 48


@pytest.mark.parametrize("scales", [(0.5, 0.5, 1.0), (0.1, 0.02, 0.04), (1.0, 1e-9, 0.3)])
def test_ties_and_small_outputs_have_none(scales):
    assert affine_add(scales, (0, 0, 0)) is None
