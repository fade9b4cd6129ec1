"""Writes graphs of the compiler as .tflite files, through the schema's own classes."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinydet.compiler.ir import (
    AddOptions,
    ConcatOptions,
    ConvOptions,
    DepthwiseOptions,
    FullyConnectedOptions,
    Graph,
    MeanOptions,
    MulOptions,
    PackOptions,
    PadOptions,
    PoolOptions,
    ReshapeOptions,
    ResizeOptions,
    SoftmaxOptions,
    StridedSliceOptions,
)

ACTIVATIONS = {"NONE": 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
PADDINGS = {"SAME": 0, "VALID": 1}
RENAMED = {
    "stride_height": "strideH",
    "stride_width": "strideW",
    "dilation_height": "dilationHFactor",
    "dilation_width": "dilationWFactor",
    "filter_height": "filterHeight",
    "filter_width": "filterWidth",
    "multiplier": "depthMultiplier",
    "activation": "fusedActivationFunction",
    "align_corners": "alignCorners",
    "half_pixel_centers": "halfPixelCenters",
    "keep_dims": "keepDims",
    "keep_num_dims": "keepNumDims",
    "begin_mask": "beginMask",
    "end_mask": "endMask",
    "ellipsis_mask": "ellipsisMask",
    "new_axis_mask": "newAxisMask",
    "shrink_axis_mask": "shrinkAxisMask",
}
TABLES = {
    DepthwiseOptions: "DepthwiseConv2DOptions",
    ConvOptions: "Conv2DOptions",
    PoolOptions: "Pool2DOptions",
    AddOptions: "AddOptions",
    MulOptions: "MulOptions",
    ConcatOptions: "ConcatenationOptions",
    SoftmaxOptions: "SoftmaxOptions",
    FullyConnectedOptions: "FullyConnectedOptions",
    StridedSliceOptions: "StridedSliceOptions",
    PackOptions: "PackOptions",
    MeanOptions: "ReducerOptions",
}
NEW_VERSION = {"RESHAPE": 1, "SHAPE": 1, "PACK": 1}


def write_tflite(graph: Graph) -> bytes:
    """The content of a .tflite file with this graph."""
    return _Writer(graph).content()


class _Writer:
    def __init__(self, graph):
        self.graph = graph
        self.buffers = [schema.BufferT()]
        self.codes = []
        self.tensors = [self._tensor(t) for t in graph.tensors]

    def content(self):
        operators = [self._operator(op) for op in self.graph.ops]
        subgraph = schema.SubGraphT(
            tensors=self.tensors,
            operators=operators,
            inputs=np.array(self.graph.inputs, np.int32),
            outputs=np.array(self.graph.outputs, np.int32),
        )
        codes = [
            schema.OperatorCodeT(
                builtinCode=getattr(schema.BuiltinOperator, kind),
                deprecatedBuiltinCode=min(getattr(schema.BuiltinOperator, kind), 127),
                version=NEW_VERSION.get(kind, 2),
            )
            for kind in self.codes
        ]
        model = schema.ModelT(
            version=3, operatorCodes=codes, subgraphs=[subgraph], buffers=self.buffers
        )
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _tensor(self, tensor):
        written = schema.TensorT(
            shape=np.array(tensor.shape, np.int32),
            type=getattr(schema.TensorType, tensor.dtype.upper()),
            name=tensor.name,
            hasRank=True,
        )
        if tensor.quantization is not None:
            written.quantization = schema.QuantizationParametersT(
                scale=np.array(tensor.quantization.scale, np.float32),
                zeroPoint=np.array(tensor.quantization.zero_point, np.int64),
                quantizedDimension=tensor.quantization.axis,
            )
        if tensor.data is not None:
            written.buffer = self._buffer(tensor.data)
        return written

    def _buffer(self, data):
        raw = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        self.buffers.append(schema.BufferT(data=raw))
        return len(self.buffers) - 1

    def _argument(self, values):
        data = np.array(values, np.int32)
        self.tensors.append(
            schema.TensorT(
                shape=np.array(data.shape, np.int32),
                type=schema.TensorType.INT32,
                name=f"argument {len(self.tensors)}",
                buffer=self._buffer(data),
            )
        )
        return len(self.tensors) - 1

    def _operator(self, op):
        if op.kind not in self.codes:
            self.codes.append(op.kind)
        inputs = [-1 if i is None else i for i in op.inputs]
        shape = self.graph.output(op).shape
        if isinstance(op.options, PadOptions):
            inputs.append(self._argument(op.options.paddings))
        elif isinstance(op.options, MeanOptions):
            inputs.append(self._argument(op.options.axes))
        elif isinstance(op.options, ResizeOptions):
            inputs.append(self._argument(shape[1:3]))
        elif isinstance(op.options, ReshapeOptions):
            inputs.append(self._argument(shape))
        operator = schema.OperatorT(
            opcodeIndex=self.codes.index(op.kind),
            inputs=np.array(inputs, np.int32),
            outputs=np.array(op.outputs, np.int32),
        )
        name = TABLES.get(type(op.options))
        if isinstance(op.options, ResizeOptions):
            name = "".join(part.title() for part in op.kind.split("_")) + "Options"
        if name is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            operator.builtinOptions = getattr(schema, name + "T")(**_fields(op))
        return operator


def _fields(op):
    fields = {RENAMED.get(name, name): value for name, value in vars(op.options).items()}
    fields.pop("axes", None)
    if "fusedActivationFunction" in fields:
        fields["fusedActivationFunction"] = ACTIVATIONS[fields["fusedActivationFunction"]]
    if "padding" in fields:
        fields["padding"] = PADDINGS[fields["padding"]]
    if op.kind == "PACK":
        fields["valuesCount"] = len(op.inputs)
    return fields
