"""The table of layers: ``layers.json``."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from tinydet.boxes import FloatArray
from tinydet.config.detector_spec import Spec
from tinydet.config.files import write_text_atomically
from tinydet.errors import ModelFileError
from tinydet.quantization.analysis.layer_costs import layer_costs
from tinydet.quantization.analysis.layer_errors import TensorErrors, measure_errors
from tinydet.quantization.folded_network import (
    OUTPUT_CHANNEL_AXIS,
    FoldedNetwork,
    Layer,
    channel_maxima,
)
from tinydet.quantization.optimization.constant_channels import constant_channels
from tinydet.quantization.prepared_network import PreparedNetwork

LAYER_REPORT_FILE = "layers.json"
LOW_SQNR_DB = 15.0  # noise of a sixth of the signal
HIGH_SATURATION = 0.001
WIDE_SPREAD = 16.0  # four of the eight bits
MAX_IMAGES = 32  # of the calibration images; layer by layer figures settle with few


class LayerReport(Spec):
    """One layer, float against int8, on the calibration images.

    Attributes:
        name: Of the layer.
        operator: As ``CONV_2D``.
        channels: Of its output.
        sqnr_db: Signal to quantization noise of its output, decibels, with the noise that comes
            from the layers before; about 6 dB are one bit. None where there is no noise.
        saturated_share: Share of its float values outside the range of the codes.
        dead_channels: That are 0 on all images.
        constant_channels: That have one value on all images, the dead ones included.
        weight_spread: Largest absolute weight of all channels over that of the median channel; with
            one scale per layer, log2 of it are the bits the median channel lacks. None without
            weights.
        cost_share: Of the error of the outputs, by rounding each layer alone; 0..1.
    """

    name: str
    operator: str
    channels: int
    sqnr_db: float | None
    saturated_share: float
    dead_channels: int
    constant_channels: int
    weight_spread: float | None
    cost_share: float

    @property
    def is_noisy(self) -> bool:
        """Whether its output has lost much."""
        return self.sqnr_db is not None and self.sqnr_db < LOW_SQNR_DB

    @property
    def is_saturated(self) -> bool:
        """Whether much of its output is cut off."""
        return self.saturated_share > HIGH_SATURATION

    @property
    def is_spread(self) -> bool:
        """Whether one channel is far larger than the others."""
        return self.weight_spread is not None and self.weight_spread > WIDE_SPREAD


_RECORDS = TypeAdapter(tuple[LayerReport, ...])


def write_layer_report(prepared: PreparedNetwork, int8_path: Path) -> tuple[LayerReport, ...]:
    """Compare every layer and write ``layers.json`` beside the int8 file.

    Args:
        prepared: What was rounded.
        int8_path: The file it was rounded to.

    Returns:
        The layers, in the order of computation.

    Raises:
        UnsupportedError: The network has an operator whose cost is not known.
        OutputError: The file cannot be written.
    """
    network, options = prepared.float_network, prepared.options
    images = prepared.images.first(MAX_IMAGES)
    costs = layer_costs(network, prepared.ranges, images, options.granularity)
    errors = measure_errors(network, int8_path.read_bytes(), images, options.input_type)
    total = sum(costs.values()) or 1.0
    layers = tuple(
        _describe(network, layer, errors[layer.output], costs.get(layer.output, 0.0) / total)
        for layer in network.layers
        if layer.output in errors
    )
    text = _RECORDS.dump_json(layers, indent=1).decode()
    write_text_atomically(int8_path.with_name(LAYER_REPORT_FILE), text + "\n")
    return layers


def load_layer_report(path: Path) -> tuple[LayerReport, ...]:
    """Read a ``layers.json``.

    Raises:
        ModelFileError: It is missing or broken.
    """
    try:
        return _RECORDS.validate_python(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise ModelFileError(path, f"cannot be read ({reason})", "Quantize again.") from None


def costliest(layers: Sequence[LayerReport], count: int) -> list[LayerReport]:
    """The layers that the error of the outputs mostly comes from, the costliest first."""
    return sorted(layers, key=lambda layer: -layer.cost_share)[:count]


def format_layers(layers: Sequence[LayerReport]) -> str:
    """The layers in short, for the terminal: name, share of the error, signal to noise."""
    return ", ".join(
        f"{layer.name} ({layer.cost_share:.0%} of the error"
        + (f", weights spread {layer.weight_spread:.0f}x" if layer.weight_spread else "")
        + ")"
        for layer in layers
    )


def _describe(
    network: FoldedNetwork, layer: Layer, errors: TensorErrors, cost_share: float
) -> LayerReport:
    low, high = errors.extremes
    spread = None
    if layer.kernel is not None:
        maxima = channel_maxima(network.values(layer.kernel), OUTPUT_CHANNEL_AXIS[layer.kind])
        spread = _spread(maxima)
    return LayerReport(
        name=layer.name,
        operator=layer.kind,
        channels=len(low),
        sqnr_db=None if errors.sqnr_db is None else round(errors.sqnr_db, 2),
        saturated_share=round(errors.saturated_share, 6),
        dead_channels=int(((low == 0) & (high == 0)).sum()),
        constant_channels=int(constant_channels((low, high)).sum()),
        weight_spread=spread,
        cost_share=round(cost_share, 6),
    )


def _spread(maxima: FloatArray) -> float | None:
    used = maxima[maxima > 0]
    return round(float(maxima.max() / np.median(used)), 2) if len(used) else None
