"""How real numbers are written in the input and output tensors of a .tflite file."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import PreprocessSpec

AnyArray = npt.NDArray[Any]
PIXELS = np.arange(256, dtype=np.float64)
# A pixel that is half a step away from two codes may take either; rounding noise of
# the stored float32 scale must not push it over that limit.
NEAREST_LIMIT = 0.5 + 1e-3


@dataclass(frozen=True)
class TensorCode:
    """``real = scale * (code - zero_point)``; float tensors hold the real numbers themselves.

    Attributes:
        dtype: Type of the tensor: float32, int8 or uint8.
        scale: > 0; 0 where the file states none.
        zero_point: Code of the real number 0.
    """

    dtype: np.dtype[Any]
    scale: float = 0.0
    zero_point: int = 0

    @property
    def is_float(self) -> bool:
        """Whether the tensor holds real numbers."""
        return bool(np.issubdtype(self.dtype, np.floating))

    def decode(self, values: AnyArray) -> FloatArray:
        """The real numbers of a tensor, any shape.

        >>> TensorCode(np.dtype(np.int8), 0.5, -3).decode(np.array([-3, 1], np.int8))
        array([0., 2.], dtype=float32)
        """
        if self.is_float:
            return values.astype(np.float32)
        real: FloatArray = (values.astype(np.float32) - self.zero_point) * np.float32(self.scale)
        return real


def pixel_codes(code: TensorCode, preprocess: PreprocessSpec) -> AnyArray:
    """The input code of each of the 256 pixel values.

    The real input is ``scale * pixel + offset`` (preprocessing); the code is the nearest one to
    it, limited to the range of the type. Where the pixel itself (int8: the pixel - 128) is
    nearest to its own real value, for all 256 of them, the table is that identity: camera bytes
    go in as they are. A uint8 tensor without scale takes pixels by definition.

    Args:
        code: How the input tensor writes real numbers.
        preprocess: Its ``scale`` and ``offset`` are used.

    Returns:
        ``[256]`` of the tensor's type.

    >>> half = PreprocessSpec(scale=1 / 127.5, offset=-1)
    >>> pixel_codes(TensorCode(np.dtype(np.uint8), 2 / 255, 127), half)[[0, 1, 254, 255]]
    array([  0,   1, 254, 255], dtype=uint8)
    >>> double = PreprocessSpec(scale=1 / 255, offset=0)
    >>> pixel_codes(TensorCode(np.dtype(np.int8), 2 / 255, 10), double)[[0, 1, 3, 255]]
    array([ 10,  10,  12, 127], dtype=int8)
    """
    real = preprocess.scale * PIXELS + preprocess.offset
    if code.is_float:
        return real.astype(code.dtype)
    limits = np.iinfo(code.dtype)
    if not code.scale or takes_pixels(code, preprocess):
        return (PIXELS + limits.min).astype(code.dtype)
    wanted = real / code.scale + code.zero_point
    codes: AnyArray = np.clip(np.round(wanted), limits.min, limits.max).astype(code.dtype)
    return codes


def takes_pixels(code: TensorCode, preprocess: PreprocessSpec) -> bool:
    """Whether a pixel (int8: the pixel - 128) is as good a code of its real value as any other.

    Args:
        code: Of an int8 or uint8 input, scale > 0.
        preprocess: Its ``scale`` and ``offset`` are used.
    """
    wanted = (preprocess.scale * PIXELS + preprocess.offset) / code.scale + code.zero_point
    identity = PIXELS + np.iinfo(code.dtype).min
    return bool(np.max(np.abs(wanted - identity)) <= NEAREST_LIMIT)
