"""Small float .tflite networks with the structure of the detector, without TensorFlow."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinydet.inference.tflite_file import pack_model
from tinydet.quantization.folded_network import FoldedNetwork

SIDE, CHANNELS, WIDE, SCORES = 8, 6, 10, 3
RELU6 = schema.ActivationFunctionType.RELU6


class NetworkWriter:
    """Collects tensors and operators of a graph that begins with an image."""

    def __init__(self):
        self.model = schema.ModelT(version=3, buffers=[schema.BufferT()], operatorCodes=[])
        self.graph = schema.SubGraphT(tensors=[], operators=[], inputs=[0])
        self.model.subgraphs = [self.graph]
        self.bias_of = {}  # the converter merges equal constants: two layers read one bias
        self.tensor("image", (1, SIDE, SIDE, 3))

    def tensor(self, name, shape, values=None, kind=schema.TensorType.FLOAT32):
        buffer = 0
        if values is not None:
            data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            self.model.buffers.append(schema.BufferT(data=data))
            buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(
            schema.TensorT(
                name=name, shape=np.array(shape, np.int32), type=kind, buffer=buffer, hasRank=True
            )
        )
        return len(self.graph.tensors) - 1

    def operator(self, kind, inputs, name, shape, options=None):
        builtin = getattr(schema.BuiltinOperator, kind)
        self.model.operatorCodes.append(
            schema.OperatorCodeT(
                builtinCode=builtin,
                deprecatedBuiltinCode=builtin,
                version=3 if kind == "RESIZE_BILINEAR" else 1,
            )
        )
        output = self.tensor(name, shape)
        operator = schema.OperatorT(
            opcodeIndex=len(self.model.operatorCodes) - 1, inputs=inputs, outputs=[output]
        )
        if options is not None:
            operator.builtinOptions = options
            kind_name = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind_name)
        self.graph.operators.append(operator)
        return output

    def convolution(self, x, name, kernel, bias, activation=0, stride=1):
        """OHWI, or depthwise 1HWC where there is one kernel per channel."""
        rows, columns = (-(-int(side) // stride) for side in self.graph.tensors[x].shape[1:3])
        depthwise = kernel.shape[0] == 1 and kernel.shape[3] > 1 and kernel.shape[1] == 3
        options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        options.strideH = options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = 1
        options.padding = schema.Padding.SAME
        options.fusedActivationFunction = activation
        if depthwise:
            options.depthMultiplier = 1
        weights = self.tensor(f"{name}_weights", kernel.shape, np.float32(kernel))
        biases = self.tensor(f"{name}_bias", bias.shape, np.float32(bias))
        if name in self.bias_of:
            biases = self.bias_of[name]
        self.bias_of = {**self.bias_of, "project": biases} if name == "first" else self.bias_of
        return self.operator(
            "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
            [x, weights, biases],
            f"net/{name}/conv",
            (1, rows, columns, len(bias)),
            options,
        )

    def network(self, outputs):
        self.graph.outputs = outputs
        names = [t.name.split("/")[1] for t in self.graph.tensors if "/" in t.name]
        return FoldedNetwork(pack_model(self.model), names)


def detector_like(seed, spread=1.5):
    """Stem, inverted residual with an add, upsampled sum, one predictor per output.

    Args:
        seed: Of the weights.
        spread: Standard deviation of the logarithm of the channels' sizes.
    """
    rng = np.random.default_rng(seed)
    net = NetworkWriter()

    def weights(*shape, axis=0, gain=1.0):
        sizes = np.exp(rng.normal(0, spread, shape[axis]))
        sizes = sizes.reshape([-1 if i == axis else 1 for i in range(4)])
        fan_in = np.prod(shape) / shape[axis]
        return np.float32(rng.normal(0, gain / np.sqrt(fan_in), shape) * sizes)

    def bias(count):
        return np.float32(rng.normal(0.2, 0.5, count))

    x = net.convolution(0, "stem", weights(CHANNELS, 3, 3, 3), bias(CHANNELS), RELU6, stride=2)
    x = net.convolution(x, "first", weights(CHANNELS, 1, 1, CHANNELS), bias(CHANNELS))
    y = net.convolution(x, "expand", weights(WIDE, 1, 1, CHANNELS), bias(WIDE), RELU6)
    y = net.convolution(y, "depthwise", weights(1, 3, 3, WIDE, axis=3), bias(WIDE), RELU6)
    y = net.convolution(y, "project", weights(CHANNELS, 1, 1, WIDE), bias(CHANNELS))
    shape = (1, SIDE // 2, SIDE // 2, CHANNELS)
    x = net.operator("ADD", [x, y], "net/add/Add", shape, schema.AddOptionsT())
    size = net.tensor("size", (2,), np.int32([SIDE, SIDE]), kind=schema.TensorType.INT32)
    x = net.operator(
        "RESIZE_BILINEAR",
        [x, size],
        "net/up/resize",
        (1, SIDE, SIDE, CHANNELS),
        schema.ResizeBilinearOptionsT(halfPixelCenters=True),
    )
    x = net.convolution(x, "smooth", weights(1, 3, 3, CHANNELS, axis=3), bias(CHANNELS))
    ends = []
    for name, columns in (("logits", SCORES), ("deltas", 4)):
        y = net.convolution(x, name, weights(columns, 1, 1, CHANNELS), bias(columns))
        rows = SIDE * SIDE
        new = net.tensor(
            f"{name}_shape", (3,), np.int32([1, rows, columns]), kind=schema.TensorType.INT32
        )
        options = schema.ReshapeOptionsT(newShape=np.int32([1, rows, columns]))
        y = net.operator("RESHAPE", [y, new], f"net/{name}_rows/r", (1, rows, columns), options)
        options = schema.ConcatenationOptionsT(axis=1)
        ends.append(
            net.operator(
                "CONCATENATION", [y, y], f"net/{name}_all/c", (1, 2 * rows, columns), options
            )
        )
    scores = net.operator(
        "SOFTMAX",
        [ends[0]],
        "scores",
        (1, 2 * SIDE * SIDE, SCORES),
        schema.SoftmaxOptionsT(beta=1.0),
    )
    return net.network([scores, ends[1]])


def images(seed, count=6):
    """Rescaled images ``[1, SIDE, SIDE, 3]`` in -1..1."""
    rng = np.random.default_rng(seed)
    return [np.float32(rng.uniform(-1, 1, (1, SIDE, SIDE, 3))) for _ in range(count)]
