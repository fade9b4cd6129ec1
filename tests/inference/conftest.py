"""Tiny .tflite detectors, built operator by operator without a converter.

Mean over 8x8 pixels, one fully connected layer each for scores and deltas, all in float between
the quantized (or float) input and outputs: small enough to be computed by hand in NumPy.
"""

from dataclasses import dataclass, field
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from tinydet.anchors import make_anchors
from tinydet.config.detector_spec import AnchorSpec, DetectorSpec, PreprocessSpec

SIDE_PX = 32
CELL_PX = 8
SMALLEST = (0.2, 0.3)  # the published formula has no sense for a map of 4x4 cells
T = schema.TensorType
OP = schema.BuiltinOperator
TYPES = {"float": T.FLOAT32, "int8": T.INT8, "uint8": T.UINT8}
NUMPY_TYPES = {T.FLOAT32: np.float32, T.INT32: np.int32, T.INT8: np.int8, T.UINT8: np.uint8}


class Graph:
    """A flatbuffer model under construction."""

    def __init__(self):
        self.model = schema.ModelT(version=3, operatorCodes=[], buffers=[schema.BufferT()])
        self.graph = schema.SubGraphT(tensors=[], operators=[], inputs=[], outputs=[])
        self.model.subgraphs = [self.graph]

    def tensor(self, shape, kind=T.FLOAT32, data=None, code=None, signature=None):
        tensor = schema.TensorT(shape=np.array(shape, np.int32), type=kind)
        tensor.name = f"t{len(self.graph.tensors)}"
        if signature is not None:
            tensor.shapeSignature = np.array(signature, np.int32)
        if data is not None:
            raw = np.frombuffer(np.asarray(data, NUMPY_TYPES[kind]).tobytes(), np.uint8)
            self.model.buffers.append(schema.BufferT(data=raw))
            tensor.buffer = len(self.model.buffers) - 1
        if code is not None:
            tensor.quantization = schema.QuantizationParametersT(
                scale=[code[0]], zeroPoint=[code[1]]
            )
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def op(self, builtin, inputs, output, options=None, version=1):
        self.model.operatorCodes.append(
            schema.OperatorCodeT(
                builtinCode=builtin, deprecatedBuiltinCode=min(builtin, 127), version=version
            )
        )
        operator = schema.OperatorT(
            opcodeIndex=len(self.model.operatorCodes) - 1, inputs=inputs, outputs=[output]
        )
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            operator.builtinOptions = options
        self.graph.operators.append(operator)
        return output

    def custom(self, name, inputs, outputs, options):
        self.model.operatorCodes.append(
            schema.OperatorCodeT(
                builtinCode=OP.CUSTOM, deprecatedBuiltinCode=OP.CUSTOM, customCode=name
            )
        )
        operator = schema.OperatorT(
            opcodeIndex=len(self.model.operatorCodes) - 1, inputs=inputs, outputs=outputs
        )
        operator.customOptions = list(bytes(flexbuffers.Dumps(options)))
        self.graph.operators.append(operator)
        return outputs

    def save(self, path):
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


@dataclass
class TinyDetector:
    """Recipe of a tiny detector and what it computes."""

    num_classes: int = 1
    outputs: tuple[str, ...] = ("joined",)
    input_type: str = "uint8"
    input_code: tuple[float, int] = (2 / 255, 127)
    output_type: str = "float"
    batch: int = 1
    dynamic: bool = False
    channels: int = 3
    operator_version: int = 1
    tile_version: int = 1
    cell_px: int = CELL_PX  # side of the squares whose mean it reads
    background: bool = True  # whether a post-processing operator reads a score of it
    operator: dict = field(default_factory=dict)  # options of a post-processing operator
    preprocess: PreprocessSpec = field(
        default_factory=lambda: PreprocessSpec(height=SIDE_PX, width=SIDE_PX)
    )

    def __post_init__(self):
        rng = np.random.default_rng(7)
        self.anchors = make_anchors(SIDE_PX, SIDE_PX, SMALLEST)
        self.rows = len(self.anchors)
        self.features = (SIDE_PX // self.cell_px) ** 2 * 3
        self.score_weights = rng.normal(0, 0.3, (self.rows * (self.num_classes + 1), self.features))
        self.delta_weights = rng.normal(0, 0.05, (self.rows * 4, self.features))
        # Output codes, not symmetric: scores 0..1, deltas about -2..3, anchors about -1..2.
        self.codes = {"scores": (1 / 256, -128), "deltas": (0.02, -28), "anchors": (0.0119, -43)}

    @property
    def spec(self):
        names = tuple(f"class {i}" for i in range(self.num_classes))
        anchors = AnchorSpec(smallest=SMALLEST)
        return DetectorSpec(class_names=names, preprocess=self.preprocess, anchors=anchors)

    def expected(self, images_u8):
        """The scores and deltas in NumPy, of images [B, H, W, 3]."""
        flat = self.features_of(images_u8)
        logits = (flat @ self.score_weights.T).reshape(len(flat), self.rows, -1)
        exponents = np.exp(logits)
        deltas = (flat @ self.delta_weights.T).reshape(len(flat), self.rows, 4)
        return exponents / exponents.sum(-1, keepdims=True), deltas

    def features_of(self, images_u8):
        """The means that the heads read, [B, features]."""
        real = images_u8 * self.preprocess.scale + self.preprocess.offset
        if self.input_type != "float" and self.input_code[0]:
            scale, zero_point = self.input_code
            shift = -128 if self.input_type == "int8" else 0
            low, high = shift, shift + 255
            # The nearest code; a tie (pixel half way between two codes) goes to the pixel itself.
            wanted, own = real / scale + zero_point, images_u8.astype(float) + shift
            codes = np.where(np.abs(wanted - own) < 0.5001, own, np.round(wanted))
            real = (np.clip(codes, low, high) - zero_point) * scale
        cells = SIDE_PX // self.cell_px
        pooled = real.reshape(-1, cells, self.cell_px, cells, self.cell_px, 3).mean(axis=(2, 4))
        return pooled.reshape(len(real), self.features)

    def save(self, path: Path) -> Path:
        g = Graph()
        shape = (self.batch, SIDE_PX, SIDE_PX, self.channels)
        signature = (-1, *shape[1:]) if self.dynamic else None
        kind = TYPES[self.input_type]
        code = self.input_code if kind != T.FLOAT32 and self.input_code[0] else None
        source = g.tensor(shape, kind, code=code, signature=signature)
        g.graph.inputs = [source]
        flat = self._features(g, source, code)
        if self.outputs == ("operator",):
            g.graph.outputs = self._post_processed(g, flat)
            return g.save(path)
        if set(self.outputs) == {"codes", "sigmoid"}:  # as MediaPipe Model Maker exports it
            parts = dict(zip(("codes", "sigmoid"), self._codes_and_sigmoid(g, flat), strict=True))
            g.graph.outputs = [parts[name] for name in self.outputs]
            return g.save(path)
        parts = {
            "scores": self._head(g, flat, self.score_weights, self.num_classes + 1, softmax=True),
            "deltas": self._head(g, flat, self.delta_weights, 4),
        }
        if "anchors" in self.outputs or self.outputs == ("joined",):
            parts["anchors"] = self._anchors(g, source)
        if self.outputs == ("joined",):
            joined = g.tensor((self.batch, self.rows, self.num_classes + 9))
            options = schema.ConcatenationOptionsT(axis=2)
            g.op(
                OP.CONCATENATION,
                [parts[n] for n in ("scores", "deltas", "anchors")],
                joined,
                options,
            )
            g.graph.outputs = [joined]
        else:
            g.graph.outputs = [self._coded(g, parts[name], name) for name in self.outputs]
        return g.save(path)

    def _post_processed(self, g, flat):
        """As the TF Object Detection API exports it: sigmoid scores, centre and size of anchors."""
        boxes, scores = self._codes_and_sigmoid(g, flat)
        low, high = self.anchors[:, 1::-1], self.anchors[:, :1:-1]
        anchors = np.concatenate([(low + high) / 2, high - low], axis=1)
        if self.output_type == "float":
            constant = g.tensor(anchors.shape, data=anchors)
        else:
            boxes, scores = (self._coded(g, boxes, "deltas"), self._coded(g, scores, "scores"))
            codes = np.clip(np.round(anchors / 0.006), 0, 255)
            constant = g.tensor(anchors.shape, T.UINT8, data=codes, code=(0.006, 0))
        results = [g.tensor(()) for _ in range(4)]
        name = "TFLite_Detection_PostProcess"
        return g.custom(name, [boxes, scores, constant], results, self.operator)

    def _codes_and_sigmoid(self, g, flat):
        columns = self.num_classes + self.background
        logits = self._head(g, flat, self.score_weights[: self.rows * columns], columns)
        scores = g.op(OP.LOGISTIC, [logits], g.tensor((self.batch, self.rows, columns)))
        return self._head(g, flat, self.delta_weights, 4), scores

    def _features(self, g, source, code):
        shape = g.graph.tensors[source].shape
        if code is not None:
            real = g.tensor(shape)
            source = g.op(OP.DEQUANTIZE, [source], real, schema.DequantizeOptionsT())
        elif self.input_type != "float":  # bare bytes: the model rescales by itself
            cast = g.op(OP.CAST, [source], g.tensor(shape), schema.CastOptionsT())
            factor = g.tensor((), data=self.preprocess.scale)
            scaled = g.op(OP.MUL, [cast, factor], g.tensor(shape), schema.MulOptionsT())
            offset = g.tensor((), data=self.preprocess.offset)
            source = g.op(OP.ADD, [scaled, offset], g.tensor(shape), schema.AddOptionsT())
        cells = SIDE_PX // self.cell_px
        pool = schema.Pool2DOptionsT(
            padding=1,
            strideH=self.cell_px,
            strideW=self.cell_px,
            filterHeight=self.cell_px,
            filterWidth=self.cell_px,
        )
        pooled = g.tensor((self.batch, cells, cells, self.channels))
        g.op(OP.AVERAGE_POOL_2D, [source], pooled, pool, self.operator_version)
        flat = g.tensor((self.batch, self.features))
        return g.op(OP.RESHAPE, [pooled, g.tensor((2,), T.INT32, [-1, self.features])], flat)

    def _head(self, g, flat, weights, columns, softmax=False):
        w = g.tensor(weights.shape, data=weights)
        rows = g.tensor((self.batch, len(weights)))
        g.op(OP.FULLY_CONNECTED, [flat, w, -1], rows, schema.FullyConnectedOptionsT())
        shape = g.tensor((3,), T.INT32, [-1, self.rows, columns])
        head = g.op(OP.RESHAPE, [rows, shape], g.tensor((self.batch, self.rows, columns)))
        if not softmax:
            return head
        options = schema.SoftmaxOptionsT(beta=1.0)
        return g.op(OP.SOFTMAX, [head], g.tensor((self.batch, self.rows, columns)), options)

    def _anchors(self, g, source):
        """Anchors repeated over the batch, as published: SHAPE, STRIDED_SLICE, PACK, TILE."""
        if not self.dynamic:
            data = np.stack([self.anchors] * self.batch)
            return g.tensor((self.batch, self.rows, 4), data=data)
        constant = g.tensor((1, self.rows, 4), data=self.anchors)
        shape = g.op(
            OP.SHAPE, [source], g.tensor((4,), T.INT32), schema.ShapeOptionsT(outType=T.INT32)
        )
        ends = [g.tensor((1,), T.INT32, [n]) for n in (0, 1, 1)]
        options = schema.StridedSliceOptionsT(shrinkAxisMask=1)
        batch = g.op(OP.STRIDED_SLICE, [shape, *ends], g.tensor((), T.INT32), options)
        one = g.tensor((), T.INT32, 1)
        repeats = g.tensor((3,), T.INT32)
        g.op(OP.PACK, [batch, one, one], repeats, schema.PackOptionsT(valuesCount=3))
        tiled = g.tensor((1, self.rows, 4), signature=(-1, self.rows, 4))
        return g.op(OP.TILE, [constant, repeats], tiled, version=self.tile_version)

    def _coded(self, g, part, name):
        if self.output_type == "float":
            return part
        scale, zero_point = self.codes[name]
        if self.output_type == "uint8":
            zero_point += 128
        shape = g.graph.tensors[part].shape
        coded = g.tensor(shape, TYPES[self.output_type], code=(scale, zero_point))
        return g.op(OP.QUANTIZE, [part], coded, schema.QuantizeOptionsT())


@pytest.fixture
def tiny_detector(tmp_path):
    """Write a tiny detector; gives its recipe and its path."""

    def write(**options):
        recipe = TinyDetector(**options)
        return recipe, recipe.save(tmp_path / "tiny.tflite")

    return write


@pytest.fixture
def images_u8():
    """Three images with structure the mean over 8x8 pixels keeps."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (3, SIDE_PX // 8, SIDE_PX // 8, 3))
    fine = rng.integers(-20, 20, (3, SIDE_PX, SIDE_PX, 3))
    return np.clip(coarse.repeat(8, axis=1).repeat(8, axis=2) + fine, 0, 255).astype(np.uint8)
