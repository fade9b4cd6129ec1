"""Single-operator .tflite files, and what LiteRT's reference kernels make of them."""

from dataclasses import dataclass

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_TYPES = {
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int32": schema.TensorType.INT32,
    "float32": schema.TensorType.FLOAT32,
}
_OPTIONS = {
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
    "PADV2": "PadV2Options",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SOFTMAX": "SoftmaxOptions",
    "QUANTIZE": "QuantizeOptions",
    "DEQUANTIZE": "DequantizeOptions",
}


@dataclass(frozen=True)
class Operand:
    """A tensor of the file: constant where it has data. scale may be one number per channel."""

    shape: tuple[int, ...]
    scale: float | tuple[float, ...] | None = None
    zero_point: int = 0
    dtype: str = "int8"
    data: np.ndarray | None = None
    axis: int = 0


def constant(data, scale=None, zero_point=0, axis=0):
    """An operand with the values of an array."""
    return Operand(data.shape, scale, zero_point, str(data.dtype), data, axis)


def _quantization(operand):
    if operand.scale is None:
        return None
    scales = np.atleast_1d(np.asarray(operand.scale, np.float32))
    return schema.QuantizationParametersT(
        scale=scales,
        zeroPoint=np.full(len(scales), operand.zero_point, np.int64),
        quantizedDimension=operand.axis,
    )


def build(kind, inputs, output, **options):
    """The content of a file with one operator; None among the inputs is an absent operand."""
    buffers, tensors = [schema.BufferT()], []
    for index, operand in enumerate([*(i for i in inputs if i is not None), output]):
        tensor = schema.TensorT(
            shape=np.array(operand.shape, np.int32), type=_TYPES[operand.dtype], name=f"t{index}"
        )
        tensor.quantization = _quantization(operand)
        if operand.data is not None:
            data = np.frombuffer(np.ascontiguousarray(operand.data).tobytes(), np.uint8)
            buffers.append(schema.BufferT(data=data))
            tensor.buffer = len(buffers) - 1
        tensors.append(tensor)
    positions = iter(range(len(tensors)))
    operator = schema.OperatorT(
        opcodeIndex=0,
        inputs=np.array([-1 if i is None else next(positions) for i in inputs], np.int32),
        outputs=np.array([len(tensors) - 1], np.int32),
    )
    if kind in _OPTIONS:
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, _OPTIONS[kind])
        operator.builtinOptions = getattr(schema, _OPTIONS[kind] + "T")(**options)
    variable = [i for i, t in enumerate(tensors[:-1]) if t.buffer == 0]
    graph = schema.SubGraphT(
        tensors=tensors,
        operators=[operator],
        inputs=np.array(variable, np.int32),
        outputs=np.array([len(tensors) - 1], np.int32),
    )
    code = getattr(schema.BuiltinOperator, kind)
    version = 1 if kind == "RELU_N1_TO_1" else 2  # the resolver knows this one by no later number
    model = schema.ModelT(
        version=3,
        operatorCodes=[
            schema.OperatorCodeT(
                builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=version
            )
        ],
        subgraphs=[graph],
        buffers=buffers,
    )
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run_reference(content, *values):
    """Outputs of LiteRT's reference kernels for the values of the variable inputs, in order."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), values, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
