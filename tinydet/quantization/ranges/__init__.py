"""Which real numbers the 8-bit codes of each activation stand for."""

from tinydet.quantization.ranges.calibrate import calibrate_ranges

__all__ = ["calibrate_ranges"]
