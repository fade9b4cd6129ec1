"""A graph of the compiler as the content of a .tflite file, for tests of the whole way."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinydet.compiler.ir import MeanOptions, PadOptions, ReshapeOptions, ResizeOptions

TYPES = {
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int32": schema.TensorType.INT32,
    "float32": schema.TensorType.FLOAT32,
}
OPTION_TABLES = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "ADD": "AddOptions",
    "MUL": "MulOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "CONCATENATION": "ConcatenationOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "MEAN": "ReducerOptions",
    "PAD": "PadOptions",
    "RESHAPE": "ReshapeOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SOFTMAX": "SoftmaxOptions",
    "QUANTIZE": "QuantizeOptions",
    "DEQUANTIZE": "DequantizeOptions",
}
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
}


def tflite_content(graph):
    """The file; the tensors of the graph have the same indices in it."""
    buffers, tensors = [schema.BufferT()], []
    for tensor in graph.tensors:
        tensors.append(_tensor(tensor, buffers))
    kinds = sorted({op.kind for op in graph.ops})
    operators = [_operator(graph, op, kinds, tensors, buffers) for op in graph.ops]
    subgraph = schema.SubGraphT(
        tensors=tensors,
        operators=operators,
        inputs=np.array(graph.inputs, np.int32),
        outputs=np.array(graph.outputs, np.int32),
    )
    model = schema.ModelT(
        version=3,
        operatorCodes=[_code(kind) for kind in kinds],
        subgraphs=[subgraph],
        buffers=buffers,
    )
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _code(kind):
    code = getattr(schema.BuiltinOperator, kind)
    return schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=2)


def _tensor(tensor, buffers):
    table = schema.TensorT(
        shape=np.array(tensor.shape, np.int32), type=TYPES[tensor.dtype], name=tensor.name
    )
    if tensor.quantization is not None:
        table.quantization = schema.QuantizationParametersT(
            scale=np.array(tensor.quantization.scale, np.float32),
            zeroPoint=np.array(tensor.quantization.zero_point, np.int64),
            quantizedDimension=tensor.quantization.axis,
        )
    if tensor.data is not None:
        table.buffer = _buffer(tensor.data, buffers)
    return table


def _buffer(values, buffers):
    data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    buffers.append(schema.BufferT(data=data))
    return len(buffers) - 1


def _operator(graph, op, kinds, tensors, buffers):
    inputs = [-1 if i is None else i for i in op.inputs]
    values = _argument(graph, op)
    if values is not None:  # the parameter that TFLite passes as a constant tensor
        values = np.array(values, np.int32)
        table = schema.TensorT(
            shape=np.array(values.shape, np.int32), type=TYPES["int32"], name="argument"
        )
        table.buffer = _buffer(values, buffers)
        tensors.append(table)
        inputs.append(len(tensors) - 1)
    operator = schema.OperatorT(
        opcodeIndex=kinds.index(op.kind),
        inputs=np.array(inputs, np.int32),
        outputs=np.array(op.outputs, np.int32),
    )
    if op.kind in OPTION_TABLES:
        name = OPTION_TABLES[op.kind]
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = getattr(schema, name + "T")(**_options(op))
    return operator


def _argument(graph, op):
    options = op.options
    if isinstance(options, ReshapeOptions):
        return graph.output(op).shape
    if isinstance(options, ResizeOptions):
        return graph.output(op).shape[1:3]
    if isinstance(options, PadOptions):
        return options.paddings
    return options.axes if isinstance(options, MeanOptions) else None


def _options(op):
    fields = {k: v for k, v in vars(op.options).items() if k not in ("paddings", "axes")}
    if "activation" in fields:
        fields["activation"] = getattr(schema.ActivationFunctionType, fields["activation"])
    if "padding" in fields:
        fields["padding"] = getattr(schema.Padding, fields["padding"])
    return {RENAMED.get(k, k): v for k, v in fields.items()}
