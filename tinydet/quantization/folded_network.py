"""The float network as the converter sees it: batch norm folded, relu6 fused, one tensor per step.

It is the content of a float ``.tflite`` file, which is what the converter quantizes. Everything
that improves or explains the int8 model works on it, so nothing has to guess what the converter
will fold: weights that are changed here are the weights that are rounded, and the tensors whose
ranges are set here are the tensors that get these ranges.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinydet.boxes import FloatArray
from tinydet.inference.post_processing import PostProcessing
from tinydet.inference.tflite_file import (
    constant,
    only_graph,
    operator_name,
    pack_model,
    parse_model,
    tensor_name,
    type_name,
)

CONV, DEPTHWISE, SOFTMAX = "CONV_2D", "DEPTHWISE_CONV_2D", "SOFTMAX"
PROBABILITIES = (SOFTMAX, "LOGISTIC")  # what makes scores of logits
RESIZES = "RESIZE_BILINEAR"  # its codes are means of codes
OUTPUT_CHANNEL_AXIS = {CONV: 0, DEPTHWISE: 3}  # OHWI and 1HWC
INPUT_CHANNEL_AXIS = 3  # of both
Activation = Literal["none", "relu", "relu6", "other"]
ACTIVATIONS: dict[int, Activation] = {
    schema.ActivationFunctionType.NONE: "none",
    schema.ActivationFunctionType.RELU: "relu",
    schema.ActivationFunctionType.RELU6: "relu6",
}
Range = tuple[float, float]


@dataclass(frozen=True)
class Layer:
    """One step of the network.

    Attributes:
        kind: Operator, as ``CONV_2D``.
        name: Of the Keras layer, as ``block_1_expand``.
        inputs: Computed tensors it reads, without weights and shapes.
        output: Tensor it computes.
        kernel: Tensor with the weights of a convolution, OHWI or (depthwise) 1HWC; else None.
        bias: Tensor with its bias, one value per output channel; else None.
        activation: What is fused behind it.
        options: The operator's own, as ``strideH``, or None.
    """

    kind: str
    name: str
    inputs: tuple[int, ...]
    output: int
    kernel: int | None
    bias: int | None
    activation: Activation
    options: Any


class FoldedNetwork:
    """A float ``.tflite`` whose weights and ranges can be changed.

    Args:
        content: Of the file.
        layer_names: Names of the Keras layers it was made from; steps are called by them.
        where: Path of the model, for the message.
        told: How boxes are made of the outputs, for a file that says so itself (by a
            post-processing operator or MediaPipe's metadata); None: as tinydet's detectors do.

    Attributes:
        layers: In the order of computation.
        input: Tensor of the rescaled image ``[1, H, W, 3]``.
        outputs: Tensors of the outputs.

    Raises:
        ModelFileError: The file holds more than one graph.
    """

    def __init__(
        self,
        content: bytes,
        layer_names: Iterable[str] = (),
        where: object = "network",
        told: PostProcessing | None = None,
    ) -> None:
        self.told = told
        self._model = parse_model(content)
        self._graph = only_graph(self._model, where)
        self._give_each_layer_its_weights()
        names = frozenset(layer_names)
        self.layers = tuple(self._layer(operator, names) for operator in self._graph.operators)
        self.input = int(self._graph.inputs[0])
        self.outputs = tuple(int(index) for index in self._graph.outputs)

    @property
    def convolutions(self) -> tuple[Layer, ...]:
        """The layers with weights."""
        return tuple(layer for layer in self.layers if layer.kernel is not None)

    @property
    def scores(self) -> int:
        """The tensor of class scores: what the softmax or sigmoid gives."""
        return self.head.output

    @property
    def logits_and_deltas(self) -> tuple[int, int]:
        """The tensors of class logits (what the softmax or sigmoid takes) and of box deltas."""
        (deltas,) = (tensor for tensor in self.outputs if tensor != self.scores)
        return self.head.inputs[0], deltas

    @property
    def head(self) -> Layer:
        """The softmax or sigmoid of the class scores."""
        heads = (layer for layer in self.layers if layer.kind in PROBABILITIES)
        return next(layer for layer in heads if layer.output in self.outputs)

    def content(self) -> bytes:
        """The network as it is now, as the content of a ``.tflite``."""
        return pack_model(self._model)

    def readers(self, tensor: int) -> tuple[Layer, ...]:
        """The layers that read a tensor."""
        return tuple(layer for layer in self.layers if tensor in layer.inputs)

    def producer(self, tensor: int) -> Layer | None:
        """The layer that computes a tensor; None for the image."""
        return next((layer for layer in self.layers if layer.output == tensor), None)

    def name(self, tensor: int) -> str:
        """The converter's name of a tensor, which the int8 file keeps."""
        return tensor_name(self._graph.tensors[tensor])

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Shape of a tensor."""
        return tuple(int(side) for side in self._graph.tensors[tensor].shape)

    def values(self, tensor: int | None) -> FloatArray:
        """A copy of the values of a constant tensor, in its shape."""
        found = None if tensor is None else constant(self._model, self._graph.tensors[tensor])
        if found is None:
            raise ValueError(f"tensor {tensor} is computed")
        return np.array(found)

    def set_values(self, tensor: int | None, values: FloatArray) -> None:
        """Replace the values of a constant tensor of floats."""
        if tensor is None or values.shape != self.shape(tensor):
            raise ValueError(f"tensor {tensor} does not take values of shape {values.shape}")
        data = np.frombuffer(np.ascontiguousarray(values, "<f4").tobytes(), np.uint8)
        self._model.buffers.append(schema.BufferT(data=data))  # buffers may be shared
        self._graph.tensors[tensor].buffer = len(self._model.buffers) - 1

    def set_ranges(self, ranges: Mapping[int, Range]) -> None:
        """State the range of real values that the 8-bit codes of each tensor shall cover.

        Args:
            ranges: Tensor -> ``(lowest, highest)``, which contain 0.
        """
        for tensor, (low, high) in ranges.items():
            self._graph.tensors[tensor].quantization = schema.QuantizationParametersT(
                min=[float(low)], max=[float(high)]
            )

    def copy(self) -> "FoldedNetwork":
        """Another network with the same content; tensors keep their numbers."""
        other = FoldedNetwork(self.content(), told=self.told)
        other.layers = self.layers
        return other

    def _give_each_layer_its_weights(self) -> None:
        """Copy constants that several operators read: the converter merges equal ones."""
        used: set[int] = set()
        for operator in self._graph.operators:
            inputs = [int(index) for index in operator.inputs]
            if operator_name(self._model, operator) in OUTPUT_CHANNEL_AXIS:
                for place in range(1, len(inputs)):
                    if inputs[place] in used and inputs[place] >= 0:
                        self._graph.tensors.append(copy(self._graph.tensors[inputs[place]]))
                        inputs[place] = len(self._graph.tensors) - 1
            operator.inputs = inputs
            used.update(inputs)

    def _layer(self, operator: Any, names: frozenset[str]) -> Layer:
        kind = operator_name(self._model, operator)
        output = int(operator.outputs[0])
        inputs = [int(index) for index in operator.inputs if index >= 0]
        weights = inputs[1:] if kind in OUTPUT_CHANNEL_AXIS else []
        computed = [index for index in inputs if index not in weights and self._is_computed(index)]
        fused = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
        return Layer(
            kind=kind,
            name=readable_name(self.name(output), names),
            inputs=tuple(computed),
            output=output,
            kernel=weights[0] if weights else None,
            bias=weights[1] if len(weights) > 1 else None,
            activation=ACTIVATIONS.get(fused, "other"),
            options=operator.builtinOptions,
        )

    def _is_computed(self, index: int) -> bool:
        tensor = self._graph.tensors[index]
        return type_name(tensor) == "FLOAT32" and constant(self._model, tensor) is None


def readable_name(tensor: str, layer_names: frozenset[str]) -> str:
    """The Keras layer in the name that the converter gave a tensor, else its last part.

    >>> readable_name("m_1/Conv1_relu_1/Relu6;m_1/bn_1/add;m_1/Conv1_1/conv", frozenset({"Conv1"}))
    'Conv1'
    """
    for part in re.split("[;/]", tensor):
        for name in (part, re.sub(r"_\d+$", "", part)):  # Keras numbers the calls of a layer
            if name in layer_names:
                return name
    return tensor.rpartition("/")[2]


def channel_maxima(values: FloatArray, axis: int) -> FloatArray:
    """Largest absolute value of each channel.

    >>> channel_maxima(np.float32([[1, -3], [2, 0]]), axis=1)
    array([2., 3.], dtype=float32)
    """
    others = tuple(i for i in range(values.ndim) if i != axis)
    return np.asarray(np.abs(values).max(axis=others), np.float32)


def along(factors: FloatArray, axis: int, ndim: int) -> FloatArray:
    """One factor per channel, shaped to multiply an array of ``ndim`` axes along one of them."""
    shape: Sequence[int] = [-1 if i == axis else 1 for i in range(ndim)]
    return factors.reshape(shape)
