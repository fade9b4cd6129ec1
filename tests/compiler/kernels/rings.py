"""Kernels over images row by row, from and into rings that hold only the rows in use."""

import numpy as np

from tests.compiler.kernels.strategies import int8_values


def check_in_rings(run, images, expected, rings, needed, rng):
    """One call a row; what no row of the output needs is rubbish, what is not written stays.

    Args:
        run: ``run(held, before, (y, y + 1))`` gives the output ring after a call: the input
            rings, the output ring before, the rows.
        images: Input images.
        expected: The output image.
        rings: Rows that the buffers of the inputs and of the output hold, in this order.
        needed: ``needed(y)`` are the input rows that output row y needs; those outside of the
            image are left out here.
        rng: Makes the rubbish.
    """
    output = np.full((rings[-1], *expected.shape[1:]), 77, np.int8)
    for y in range(len(expected)):
        held = [
            int8_values(rng, ring, *image.shape[1:]).astype(image.dtype)
            for image, ring in zip(images, rings[:-1], strict=True)
        ]
        for row in needed(y):
            for image, buffer in zip(images, held, strict=True):
                if 0 <= row < len(image):
                    buffer[row % len(buffer)] = image[row]
        before, slot = output, y % rings[-1]
        output = run(held, before, (y, y + 1))
        np.testing.assert_array_equal(output[slot], expected[y].astype(np.int8))
        np.testing.assert_array_equal(np.delete(output, slot, 0), np.delete(before, slot, 0))


def window_rows(geometry):
    """Rows that an output row of a window needs, and the fewest that a ring must hold."""
    _, (height, _), (stride, _), (dilation, _), (top, _) = geometry

    def needed(y):
        first = y * stride - top
        return [first + i * dilation for i in range(height)]

    return needed, (height - 1) * dilation + 1
