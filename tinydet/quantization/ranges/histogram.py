"""How often the values of an activation occur."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray

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
