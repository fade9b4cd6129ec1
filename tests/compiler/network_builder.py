"""Random int8 networks as graphs of the compiler, step by step, with lively activations."""

import math

import numpy as np

from tinydet.compiler.ir import (
    AddOptions,
    ConcatOptions,
    ConvOptions,
    DepthwiseOptions,
    FullyConnectedOptions,
    Graph,
    MeanOptions,
    MulOptions,
    NoOptions,
    Op,
    PadOptions,
    PoolOptions,
    Quantization,
    ReshapeOptions,
    ResizeOptions,
    SoftmaxOptions,
    Tensor,
    read_only,
)
from tinydet.compiler.ir.shapes import output_shape

TYPICAL_CODE = 50  # standard deviation that activations are scaled to


class NetworkBuilder:
    """Adds one operator after the other; each method gives the index of the new tensor."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.tensors, self.ops, self.inputs = [], [], []
        self.dead_channels = 0  # of every convolution: weights of 0, so that they are constant

    def image(self, height, width, channels=3, dtype="uint8"):
        zero_point = 127 if dtype == "uint8" else -1
        quantization = Quantization((float(np.float32(2 / 255)),), (zero_point,))
        shape = (1, height, width, channels)
        self.inputs.append(self._tensor("image", shape, quantization, dtype=dtype))
        return self.inputs[-1]

    def graph(self, *outputs):
        return Graph(tuple(self.tensors), tuple(self.ops), tuple(self.inputs), outputs)

    def conv(self, x, channels, size=(1, 1), *, bias=True, scales=None, **options):
        weights = self._weights((channels, *size, self._shape(x)[3]), 0, scales or channels)
        inputs = self._weighted_inputs(x, weights, channels, bias=bias)
        return self._append("CONV_2D", inputs, ConvOptions(**options), self._like_sum(x, weights))

    def depthwise(self, x, size=(3, 3), multiplier=1, **options):
        channels = self._shape(x)[3] * multiplier
        weights = self._weights((1, *size, channels), 3, channels)
        inputs = self._weighted_inputs(x, weights, channels)
        options = DepthwiseOptions(multiplier=multiplier, **options)
        taps = size[0] * size[1]
        return self._append("DEPTHWISE_CONV_2D", inputs, options, self._like_sum(x, weights, taps))

    def fully_connected(self, x, outputs, **options):
        weights = self._weights((outputs, self._shape(x)[-1]), 0, 1)
        inputs = self._weighted_inputs(x, weights, outputs)
        options = FullyConnectedOptions(**options)
        return self._append("FULLY_CONNECTED", inputs, options, self._like_sum(x, weights))

    def add(self, a, b, **options):
        scale = math.hypot(self.tensors[a].scale, self.tensors[b].scale)
        return self._append("ADD", (a, b), AddOptions(**options), self._codes(scale))

    def mul(self, a, b, **options):
        scale = self.tensors[a].scale * self.tensors[b].scale * TYPICAL_CODE
        return self._append("MUL", (a, b), MulOptions(**options), self._codes(scale))

    def constant(self, shape, scale=0.02, zero_point=9):
        data = read_only(self.rng.integers(-128, 128, shape).astype(np.int8))
        return self._tensor("constant", shape, Quantization((scale,), (zero_point,)), data)

    def pool(self, x, kind="MAX_POOL_2D", size=(2, 2), stride=(2, 2), **options):
        options = PoolOptions(
            filter_height=size[0],
            filter_width=size[1],
            stride_height=stride[0],
            stride_width=stride[1],
            **options,
        )
        return self._append(kind, (x,), options, self.tensors[x].quantization)

    def pad(self, x, *paddings):
        return self._append("PAD", (x,), PadOptions(paddings=paddings), self._same(x))

    def reshape(self, x, *shape):
        return self._append("RESHAPE", (x,), ReshapeOptions(), self._same(x), shape)

    def resize(self, x, height, width, kind="RESIZE_BILINEAR", **options):
        shape = (1, height, width, self._shape(x)[3])
        return self._append(kind, (x,), ResizeOptions(**options), self._same(x), shape)

    def concat(self, parts, axis):
        first = self.tensors[parts[0]]
        options = ConcatOptions(axis=axis)
        return self._append("CONCATENATION", parts, options, first.quantization, dtype=first.dtype)

    def dequantize(self, x):
        return self._append("DEQUANTIZE", (x,), NoOptions(), None, dtype="float32")

    def real_constant(self, values):
        return self._tensor("real", values.shape, None, read_only(values), "float32")

    def mean(self, x, axes=(1, 2), **options):
        options = MeanOptions(axes=axes, **options)
        return self._append("MEAN", (x,), options, self._codes(self.tensors[x].scale / 3))

    def softmax(self, x, beta=1.0):
        quantization = Quantization((1 / 256,), (-128,))
        return self._append("SOFTMAX", (x,), SoftmaxOptions(beta=beta), quantization)

    def logistic(self, x):
        return self._append("LOGISTIC", (x,), NoOptions(), Quantization((1 / 256,), (-128,)))

    def quantize(self, x, *, scale=None, zero_point=None, dtype="int8"):
        """To int8, by default as the converter does it behind a uint8 image."""
        source = self.tensors[x]
        scale = source.scale if scale is None else scale
        zero_point = source.zero_point - 128 if zero_point is None else zero_point
        quantization = Quantization((float(np.float32(scale)),), (zero_point,))
        return self._append("QUANTIZE", (x,), NoOptions(), quantization, dtype=dtype)

    def relu(self, x, kind="RELU6"):
        return self._append(kind, (x,), NoOptions(), self._codes(self.tensors[x].scale))

    def copy_of_codes(self, x, like):
        """The same with the quantization of another tensor."""
        other = self.tensors[like]
        return self.quantize(x, scale=other.scale, zero_point=other.zero_point)

    def _shape(self, x):
        return self.tensors[x].shape

    def _same(self, x):
        return self.tensors[x].quantization

    def _codes(self, scale):
        return Quantization((float(np.float32(scale)),), (int(self.rng.integers(-40, 40)),))

    def _like_sum(self, x, weights, taps=None):
        """Quantization of a sum of products that fills the range of int8."""
        tensor = self.tensors[weights]
        taps = taps or math.prod(tensor.shape[1:])
        spread = 70 * 40 * math.sqrt(taps) / TYPICAL_CODE
        return self._codes(self.tensors[x].scale * max(tensor.quantization.scale) * spread)

    def _weights(self, shape, axis, num_scales):
        data = np.clip(self.rng.normal(0, 40, shape), -127, 127).astype(np.int8)
        if axis == 0 and self.dead_channels < shape[0]:
            data[: self.dead_channels] = 0
        scales = tuple(float(np.float32(s)) for s in self.rng.uniform(0.01, 0.02, num_scales))
        quantization = Quantization(scales, (0,) * num_scales, axis if num_scales > 1 else 0)
        return self._tensor("weights", shape, quantization, read_only(data))

    def _weighted_inputs(self, x, weights, channels, *, bias=True):
        if not bias:
            return (x, weights, None)
        scales = self._same(weights).scale
        quantization = Quantization(
            tuple(float(np.float32(self.tensors[x].scale * s)) for s in scales), (0,) * len(scales)
        )
        data = read_only(self.rng.integers(-3000, 3000, channels).astype(np.int32))
        return (x, weights, self._tensor("bias", (channels,), quantization, data, "int32"))

    def _tensor(self, name, shape, quantization, data=None, dtype="int8"):
        name = f"{name} {len(self.tensors)}"
        self.tensors.append(Tensor(name, tuple(shape), dtype, quantization, data))
        return len(self.tensors) - 1

    def _append(self, kind, inputs, options, quantization, shape=None, dtype="int8"):
        if shape is None:
            probe = Graph(tuple(self.tensors), (), (), ())
            shape = output_shape(probe, Op(kind, "probe", tuple(inputs), (), options))
        index = self._tensor(kind.lower(), shape, quantization, dtype=dtype)
        name = self.tensors[index].name
        self.ops.append(Op(kind, name, tuple(inputs), (index,), options))
        return index
