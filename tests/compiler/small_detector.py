"""A random detector of 170 anchors that keeps the output contract, as a .tflite file."""

from dataclasses import replace

import numpy as np

from tests.compiler.network_builder import TYPICAL_CODE, NetworkBuilder
from tests.compiler.tflite_writer import write_tflite
from tinydet.anchors import feature_map_sizes, make_anchors
from tinydet.compiler import CompileOptions, compile_detector
from tinydet.compiler.ir import read_only
from tinydet.config.detector_spec import (
    AnchorSpec,
    DetectorSpec,
    PostprocessSpec,
    PreprocessSpec,
)

HEIGHT, WIDTH = 32, 48
SMALLEST = (0.2, 0.3)
PER_CELL = 5
ACTIVATION_SPREAD = 2.0  # standard deviation; RELU6 clips some and leaves most
GAIN = 2.5  # makes good what RELU6 takes away
LOGIT_SPREAD = 4.0
DELTA_SPREAD = 0.3  # of the anchor's sides
SAME_BY_2 = {"stride_height": 2, "stride_width": 2, "padding": "SAME", "activation": "RELU6"}


def small_spec(num_classes=2, interpolation="bilinear", aspect_ratio="fit", **postprocess):
    """What the detector is, with thresholds that let many boxes through."""
    thresholds = {"score_threshold": 0.3, "nms_iou_threshold": 0.4, "max_detections": 30}
    return DetectorSpec(
        class_names=tuple(f'class "{i}" \u00e9' for i in range(num_classes)),
        preprocess=PreprocessSpec(
            height=HEIGHT, width=WIDTH, interpolation=interpolation, aspect_ratio=aspect_ratio
        ),
        anchors=AnchorSpec(smallest=SMALLEST),
        postprocess=PostprocessSpec(**(thresholds | postprocess)),
    )


def small_detector(num_classes=2, seed=0, tail="joined", image_dtype="uint8"):
    """The content of the file.

    Args:
        num_classes: Without the background.
        seed: Of the weights.
        tail: ``joined`` (float scores, deltas and anchors in one output), ``two`` int8 outputs, or
            ``three`` (int8 scores and deltas, float anchors).
        image_dtype: ``uint8`` with a QUANTIZE behind it, or ``int8``.
    """
    net = _EvenBuilder(seed)
    net.dead_channels = 2
    x = net.image(HEIGHT, WIDTH, dtype=image_dtype)
    x = net.quantize(x) if image_dtype == "uint8" else x
    x = net.conv(x, 8, (3, 3), **SAME_BY_2)
    y = net.conv(net.depthwise(x, padding="SAME", activation="RELU6"), 8)
    x = net.add(x, y)
    x = net.conv(x, 12, (3, 3), **SAME_BY_2)
    padded = net.pad(x, (0, 0), (0, 1), (0, 1), (0, 0))  # as in front of strided convolutions
    x = net.depthwise(padded, stride_height=2, stride_width=2, activation="RELU6")
    levels = [net.conv(x, 10, activation="RELU6")]
    for _ in range(4):
        levels.append(net.conv(levels[-1], 10, (3, 3), **SAME_BY_2))
    net.dead_channels = 0
    small = levels[1]
    shape = net.tensors[levels[0]].shape
    large = net.resize(small, shape[1], shape[2], half_pixel_centers=True)
    levels[0] = net.add(levels[0], large)
    net.real_spread = LOGIT_SPREAD
    logits = _rows(net, levels, 1 + num_classes)
    net.real_spread = DELTA_SPREAD
    deltas = _rows(net, levels, 4)
    scores = net.softmax(logits)
    anchors = make_anchors(HEIGHT, WIDTH, SMALLEST)[None]
    assert anchors.shape[1] == PER_CELL * sum(a * b for a, b in feature_map_sizes(HEIGHT, WIDTH))
    if tail == "two":
        return write_tflite(net.graph(scores, deltas))
    if tail == "three":
        return write_tflite(net.graph(deltas, net.real_constant(anchors), scores))
    parts = [net.dequantize(scores), net.dequantize(deltas), net.real_constant(anchors)]
    return write_tflite(net.graph(net.concat(parts, 2)))


def small_compiled(content=None, spec=None, where="m.tflite", **options):
    """The detector in C. What is asked for again is not compiled again."""
    content, spec = content or small_detector(), spec or small_spec()
    options = CompileOptions(**({"name": "small"} | options))
    key = content, spec.model_dump_json(), where, options
    if key not in _COMPILED:
        _COMPILED[key] = compile_detector(content, options, spec=spec, where=where)
    return _COMPILED[key]


_COMPILED = {}


class _EvenBuilder(NetworkBuilder):
    """Activations keep their size from layer to layer, and filters sum to 0: else what all images
    have in common drowns what tells them apart, and the outputs are the same for all."""

    real_spread = ACTIVATION_SPREAD

    def _like_sum(self, x, weights, taps=None):
        quantization = super()._like_sum(x, weights, taps)
        return replace(quantization, scale=(float(np.float32(quantization.scale[0] / GAIN)),))

    def _weighted_inputs(self, x, weights, channels, *, bias=True):
        tensor = self.tensors[weights]
        taps = tensor.num_elements // channels
        spread = TYPICAL_CODE * self._like_sum(x, weights, taps).scale[0]
        scales = tuple(
            float(np.float32(scale * self.real_spread / spread))
            for scale in tensor.quantization.scale
        )
        quantization = replace(tensor.quantization, scale=scales)
        axes = tuple(axis for axis in range(4) if axis != quantization.axis)
        data = tensor.data - np.round(tensor.data.mean(axis=axes, keepdims=True))
        data = read_only(np.clip(data, -127, 127).astype(np.int8))
        self.tensors[weights] = replace(tensor, quantization=quantization, data=data)
        return super()._weighted_inputs(x, weights, channels, bias=bias)


def _rows(net, levels, columns):
    """Predictions of all levels, one row per anchor, in one quantization."""
    rows = []
    for level in levels:
        maps = net.conv(level, PER_CELL * columns)
        if rows:
            maps = net.copy_of_codes(maps, rows[0])
        _, height, width, _ = net.tensors[maps].shape
        rows.append(net.reshape(maps, 1, height * width * PER_CELL, columns))
    return net.concat(rows, 1)
