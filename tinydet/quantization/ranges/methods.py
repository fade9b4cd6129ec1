"""From the values of an activation to the range of its codes.

Each method takes a histogram and gives ``(lowest, highest)``, which contain 0: an 8-bit tensor
has a code for 0, because padding writes it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.quantization.folded_network import Range
from tinydet.quantization.options import CalibrationMethod

BINS = 2048  # eight for each of the 256 codes
SMALLEST_WIDTH = 1e-30


@dataclass
class Histogram:
    """Counts and means of the values in equal bins.

    The mean of a bin stands for its values. Half of what relu6 gives is exactly 0 and some of it
    exactly 6: with the middle of the bin instead, these peaks would count as errors.

    Attributes:
        low: Lower edge of the first bin.
        high: Upper edge of the last bin.
    """

    low: float
    high: float
    _counts: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    _sums: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))

    def add(self, values: FloatArray) -> None:
        """Count values within ``[low, high]``; rounding may put them just outside."""
        width = max(self.high - self.low, SMALLEST_WIDTH) / BINS
        flat = values.ravel()
        bins = np.clip(((flat - self.low) / width).astype(np.int64), 0, BINS - 1)
        self._counts += np.bincount(bins, minlength=BINS)
        self._sums += np.bincount(bins, weights=flat, minlength=BINS)

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Values per occupied bin, ascending."""
        return self._counts[self._counts > 0]

    @property
    def means(self) -> npt.NDArray[np.float64]:
        """Mean of the values of each occupied bin, ascending."""
        occupied = self._counts > 0
        return self._sums[occupied] / self._counts[occupied]


LEVELS = 255  # steps between the 256 codes
OUTLIER_SHARE = 1e-4  # of the values, cut off at the ends together
SEARCH_STEPS = 40  # of each end
SMALLEST_SHARE = 0.2  # of the whole range that the search goes down to


def whole_range(histogram: Histogram) -> Range:
    """Every value seen, as the TFLite converter does it."""
    return min(histogram.low, 0.0), max(histogram.high, 0.0)


def percentile_range(histogram: Histogram) -> Range:
    """Without the outermost of the values, one in 10,000.

    Where 0 is an end (behind relu6), all of them go at the other one.

    Reference:
        Krishnamoorthi, 2018, "Quantizing deep convolutional networks for efficient inference".
    """
    low, high = whole_range(histogram)
    means, counts = histogram.means, histogram.counts
    ends = (low < 0) + (high > 0)
    cut = counts.sum() * OUTLIER_SHARE / max(1, ends)
    from_below = means[np.searchsorted(np.cumsum(counts), cut, side="right")]
    from_above = means[::-1][np.searchsorted(np.cumsum(counts[::-1]), cut, side="right")]
    return (
        max(low, min(0.0, float(from_below))) if low < 0 else low,
        min(high, max(0.0, float(from_above))) if high > 0 else high,
    )


def least_squares_range(histogram: Histogram) -> Range:
    """The range with the least mean squared difference between values and their codes.

    A narrower range has finer steps and cuts off more. Both ends are searched in turn.

    Reference:
        Banner et al., 2019, "Post training 4-bit quantization of convolutional networks".
    """
    low, high = whole_range(histogram)
    means, counts = histogram.means, histogram.counts
    shares = np.linspace(SMALLEST_SHARE, 1.0, SEARCH_STEPS)

    def best(candidates: list[Range]) -> Range:
        errors = [rounding_error(means, counts, candidate) for candidate in candidates]
        return candidates[int(np.argmin(errors))]

    found = (low, high)
    for _ in range(2):  # the ends hardly depend on each other
        found = best([(found[0], high * share) for share in shares])
        found = best([(low * share, found[1]) for share in shares])
    return found


def rounding_error(
    values: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], ends: Range
) -> float:
    """Sum of squared differences between values and the values of their codes.

    Args:
        values: ``[N]``.
        counts: ``[N]`` how often each occurs.
        ends: Range of the codes.
    """
    return float((counts * (round_to_codes(values, ends) - values) ** 2).sum())


def round_to_codes(values: npt.NDArray[np.floating], ends: Range) -> npt.NDArray[np.floating]:
    """The nearest of the 256 values that the codes of a range stand for.

    >>> round_to_codes(np.float32([-3, 0.4, 1.6, 900]), (0.0, 255.0)).tolist()
    [0.0, 0.0, 2.0, 255.0]
    """
    scale = (ends[1] - ends[0]) / LEVELS
    if scale == 0:
        return np.zeros_like(values)
    zero_point = np.round(-ends[0] / scale)
    codes = np.clip(np.round(values / scale) + zero_point, 0, LEVELS)
    return np.asarray((codes - zero_point) * scale, values.dtype)


METHODS: dict[CalibrationMethod, Callable[[Histogram], Range]] = {
    "minmax": whole_range,
    "percentile": percentile_range,
    "mse": least_squares_range,
}
