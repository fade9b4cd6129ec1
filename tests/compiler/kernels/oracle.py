"""What each kernel must give, in integers without bound and straight from the formulas.

Written for the eye, not for speed, and sharing nothing with the C: windows are cut from a padded
image instead of being clipped, rounding is by exact division instead of shifts.
"""

import numpy as np


def wrapped(value):
    """An integer as int32 arithmetic that wraps keeps it."""
    return (int(value) + 2**31) % 2**32 - 2**31


def high_product(a, b):
    """a * b / 2**31, halves upwards."""
    return (2 * int(a) * int(b) + 2**31) // 2**32


def halves_away(value, divisor):
    """value / divisor to the nearest integer, halves away from zero."""
    quotient, rest = divmod(abs(int(value)), divisor)
    quotient += 2 * rest >= divisor
    return quotient if value >= 0 else -quotient


def rescaled(value, requant):
    multiplier, shift = (int(v) for v in requant)
    value = wrapped(int(value) * 2 ** max(shift, 0))
    return halves_away(high_product(value, multiplier), 2 ** max(-shift, 0))


def rescaled_once(value, requant):
    """value times the factor to the nearest integer, halves upwards."""
    multiplier, shift = (int(v) for v in requant)
    return wrapped((2 * int(value) * multiplier + 2 ** (31 - shift)) // 2 ** (32 - shift))


def outputs(sums, requants, offset, low, high, rescaled=rescaled):
    """Sums [..., channels] rescaled by one factor per channel, moved and clamped."""
    flat = sums.reshape(-1, sums.shape[-1])
    values = [
        [min(max(rescaled(s, requants[c]) + offset, low), high) for c, s in enumerate(row)]
        for row in flat
    ]
    return np.array(values, object).reshape(sums.shape)


def windows(image, geometry, fill=0):
    """[oy, ox, fy, fx, channels] that each output pixel sees; `fill` stands outside."""
    (out_h, out_w), (f_h, f_w), (s_h, s_w), (d_h, d_w), (top, left) = geometry
    bottom = max(0, (out_h - 1) * s_h + (f_h - 1) * d_h + 1)
    right = max(0, (out_w - 1) * s_w + (f_w - 1) * d_w + 1)
    padded = np.full(
        (top + image.shape[0] + bottom, left + image.shape[1] + right, image.shape[2]), fill, object
    )
    padded[top : top + image.shape[0], left : left + image.shape[1]] = image
    result = np.empty((out_h, out_w, f_h, f_w, image.shape[2]), object)
    for y, x, i, j in np.ndindex(out_h, out_w, f_h, f_w):
        result[y, x, i, j] = padded[y * s_h + i * d_h, x * s_w + j * d_w]
    return result


def convolution_sums(image, weights, bias, input_offset, geometry):
    """[oy, ox, output channel] for OHWI weights."""
    seen = windows(image.astype(object) + input_offset, geometry)
    return np.einsum("yxijc,oijc->yxo", seen, weights.astype(object)) + bias.astype(object)


def depthwise_sums(image, weights, bias, input_offset, geometry):
    """[oy, ox, channel * multiplier] for weights [fy, fx, channel * multiplier]."""
    seen = windows(image.astype(object) + input_offset, geometry)
    channels = image.shape[2]
    grouped = weights.astype(object).reshape(*weights.shape[:2], channels, -1)
    sums = np.einsum("yxijc,ijcm->yxcm", seen, grouped)
    return sums.reshape(*sums.shape[:2], -1) + bias.astype(object)
