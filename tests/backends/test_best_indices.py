"""Of equal values the first comes first, on every backend: which anchors learn depends on it."""

import numpy as np
import pytest

from tinydet.backends import BACKENDS, choose_backend

# Few different values: most rows have several of the largest.
VALUES = np.random.default_rng(5).integers(0, 4, (6, 3, 400)).astype(np.float32) / 4
EXPECTED = np.argsort(-VALUES, axis=-1, kind="stable")[..., :5]


def test_of_the_backend_in_use():
    np.testing.assert_array_equal(np.asarray(choose_backend().best_indices(VALUES, 5)), EXPECTED)


def test_of_torch():
    torch = pytest.importorskip("torch")
    values = torch.from_numpy(VALUES)
    np.testing.assert_array_equal(BACKENDS["torch"].best_indices(values, 5).numpy(), EXPECTED)
    np.testing.assert_array_equal(values.numpy(), VALUES)
