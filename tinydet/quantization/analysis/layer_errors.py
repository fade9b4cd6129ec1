"""What the int8 file computes on an image, beside what the float network computes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.inference.tflite_file import (
    operator_name,
    parse_model,
    run_with_tensors,
    scale_and_zero_point,
    tensor_name,
    type_name,
)
from tinydet.progress import track
from tinydet.quantization.calibration import CalibrationImages
from tinydet.quantization.folded_network import FoldedNetwork
from tinydet.quantization.options import TensorType
from tinydet.quantization.ranges.shared import shared_ranges

LOWEST_CODE, HIGHEST_CODE = -128, 127


@dataclass(frozen=True)
class Int8Tensor:
    """An activation of the int8 file: ``value = scale * (code - zero_point)``."""

    index: int
    scale: float
    zero_point: int

    @property
    def reach(self) -> tuple[float, float]:
        """The values that round to the lowest and to the highest code."""
        return (
            (LOWEST_CODE - 0.5 - self.zero_point) * self.scale,
            (HIGHEST_CODE + 0.5 - self.zero_point) * self.scale,
        )


@dataclass
class TensorErrors:
    """Sums over the values of one activation on all images.

    Attributes:
        signal: Of the squared float values.
        noise: Of the squared differences.
        values: How many there are.
        outside: Float values beyond the codes by more than half a step.
    """

    signal: float = 0.0
    noise: float = 0.0
    values: int = 0
    outside: int = 0
    _low: FloatArray | None = field(default=None, repr=False)
    _high: FloatArray | None = field(default=None, repr=False)

    def add(self, real: FloatArray, codes: npt.NDArray[np.int8], tensor: Int8Tensor) -> None:
        """Take in one image."""
        scale, zero_point = tensor.scale, tensor.zero_point
        rounded = (codes.astype(np.float32) - zero_point) * scale
        low, high = tensor.reach
        self.signal += float(np.square(real, dtype=np.float64).sum())
        self.noise += float(np.square(real - rounded, dtype=np.float64).sum())
        self.values += real.size
        self.outside += int(((real < low) | (real > high)).sum())
        axes = tuple(range(real.ndim - 1))
        lows, highs = real.min(axis=axes), real.max(axis=axes)
        self._low = lows if self._low is None else np.minimum(self._low, lows)
        self._high = highs if self._high is None else np.maximum(self._high, highs)

    @property
    def sqnr_db(self) -> float | None:
        """Signal to quantization noise, decibels; None without signal or without noise."""
        if self.signal == 0 or self.noise == 0:
            return None
        return float(10 * np.log10(self.signal / self.noise))

    @property
    def saturated_share(self) -> float:
        """Share of the float values that the codes cannot reach."""
        return self.outside / max(1, self.values)

    @property
    def extremes(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest float value per channel, ``[C]`` each."""
        if self._low is None or self._high is None:
            raise ValueError("no image was added")
        return self._low, self._high


def measure_errors(
    float_network: FoldedNetwork,
    int8_content: bytes,
    images: CalibrationImages,
    input_type: TensorType,
) -> dict[int, TensorErrors]:
    """Run both on the same images and compare every activation.

    Logits and deltas are compared within their ranges: what lies beyond is cut off on purpose
    (``ranges/network_outputs.py``).

    Args:
        float_network: What the int8 file was rounded from.
        int8_content: The file.
        images: Calibration images.
        input_type: Of the file.

    Returns:
        Tensor of the float network -> errors, for those the file also has.
    """
    pairs = match_tensors(float_network, int8_content)
    errors = {tensor: TensorErrors() for tensor in pairs}
    ends = set(float_network.logits_and_deltas)
    cut = {
        tensor for group in shared_ranges(float_network) if ends & set(group) for tensor in group
    }
    runs = zip(
        run_with_tensors(float_network.content(), images),
        run_with_tensors(int8_content, _network_inputs(images, input_type)),
        strict=True,
    )
    for real, code in track(runs, "Comparing layers", total=len(images)):
        for tensor, int8_tensor in pairs.items():
            values = real(tensor)
            if tensor in cut:
                values = np.clip(values, *int8_tensor.reach)
            errors[tensor].add(values, code(int8_tensor.index), int8_tensor)
    return errors


def match_tensors(float_network: FoldedNetwork, int8_content: bytes) -> dict[int, Int8Tensor]:
    """Which tensor of the int8 file holds which activation.

    The converter keeps the names, except for those of the outputs.

    Args:
        float_network: What the file was rounded from.
        int8_content: The file.

    Returns:
        Tensor of the float network -> tensor of the file.
    """
    model = parse_model(int8_content)
    graph = model.subgraphs[0]
    by_name = {}
    for index, tensor in enumerate(graph.tensors):
        code = scale_and_zero_point(tensor)
        if type_name(tensor) == "INT8" and code is not None:
            by_name[tensor_name(tensor)] = Int8Tensor(index, *code)
    wanted = {layer.output: float_network.name(layer.output) for layer in float_network.layers}
    _, deltas = float_network.logits_and_deltas
    for tensor, index in _int8_outputs(model, graph).items():
        name = {"scores": float_network.scores, "deltas": deltas}[tensor]
        code = scale_and_zero_point(graph.tensors[index])
        if code is not None:
            wanted[name] = f"output {tensor}"
            by_name[f"output {tensor}"] = Int8Tensor(index, *code)
    return {tensor: by_name[name] for tensor, name in wanted.items() if name in by_name}


def _int8_outputs(model: Any, graph: Any) -> Mapping[str, int]:
    """The int8 tensors from which the file's outputs are made: ``scores`` and ``deltas``."""
    made_by = {int(o): op for op in graph.operators for o in op.outputs}

    def origin(index: int) -> int:
        operator = made_by.get(index)
        if operator is not None and operator_name(model, operator) in ("DEQUANTIZE", "QUANTIZE"):
            return int(operator.inputs[0])
        return index

    ends: Sequence[int] = [int(index) for index in graph.outputs]
    if len(ends) == 1:
        ends = [int(index) for index in made_by[ends[0]].inputs]
    return {"scores": origin(ends[0]), "deltas": origin(ends[1])}


def _network_inputs(images: CalibrationImages, input_type: TensorType) -> Any:
    for index in range(len(images)):
        if input_type == "float":
            yield images[index]
        elif input_type == "int8":
            yield (images.images_u8[index][None].astype(np.int16) - 128).astype(np.int8)
        else:
            yield images.images_u8[index][None]
