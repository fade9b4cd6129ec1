"""Small networks for tests of reader and passes."""

from dataclasses import replace

import numpy as np

from tests.compiler.network_builder import NetworkBuilder
from tinydet.compiler.ir import (
    ConcatOptions,
    Graph,
    NoOptions,
    Op,
    PackOptions,
    Quantization,
    StridedSliceOptions,
    Tensor,
    read_only,
)

ANCHORS_PER_CELL = 2


def image_for(graph, seed=0):
    tensor = graph.tensors[graph.inputs[0]]
    limits = np.iinfo(tensor.dtype)
    rng = np.random.default_rng(seed)
    return rng.integers(limits.min, limits.max + 1, tensor.shape).astype(tensor.dtype)


def every_operator():
    """Each integer operator at least once, on a 17 x 22 image."""
    net = NetworkBuilder(3)
    x = net.quantize(net.image(17, 22))
    x = net.conv(x, 8, (3, 3), padding="SAME", stride_height=2, stride_width=2, activation="RELU6")
    x = net.depthwise(x, (3, 3), 2, padding="SAME", dilation_height=2, activation="RELU")
    y = net.conv(x, 8, (1, 1), activation="RELU_N1_TO_1")
    z = net.conv(net.pad(x, (0, 0), (1, 0), (0, 1), (0, 0)), 8, (2, 2))
    x = net.add(y, z, activation="RELU")
    x = net.mul(x, net.logistic(y))
    a = net.pool(x, "MAX_POOL_2D", (3, 2), (2, 2), padding="SAME")
    b = net.pool(x, "AVERAGE_POOL_2D", (2, 3), (2, 2), padding="SAME", activation="RELU")
    joined = net.concat([a, net.copy_of_codes(b, a)], 3)
    big = net.resize(joined, 10, 13, half_pixel_centers=True)
    near = net.resize(joined, 10, 13, "RESIZE_NEAREST_NEIGHBOR", half_pixel_centers=True)
    x = net.relu(net.add(big, near), "RELU6")
    x = net.relu(x, "RELU")
    flat = net.mean(x, keep_dims=False)
    logits = net.fully_connected(flat, 12)
    scores = net.softmax(net.reshape(logits, 1, 3, 4))
    return net.graph(scores, x)


def network_with_constant_channels(seed):
    """Residual blocks in which some channels are constant or unread, by weights and by clipping."""
    net = NetworkBuilder(seed)
    x = net.quantize(net.image(9, 11))
    x = net.conv(x, 6, (3, 3), padding="SAME", stride_height=2, stride_width=2, activation="RELU6")
    x = net.conv(x, 5)
    for _ in range(2):
        y = net.conv(x, 12, activation="RELU6")
        y = net.depthwise(y, (3, 3), padding="SAME", activation="RELU6")
        x = net.add(x, net.conv(y, 5))
    x = net.depthwise(net.pad(x, (0, 0), (0, 1), (0, 1), (0, 0)), (3, 3), 2, stride_height=2)
    x = net.resize(x, 7, 5, half_pixel_centers=True)
    x = net.pool(x, "AVERAGE_POOL_2D", (2, 3), (1, 1), padding="SAME", activation="RELU6")
    x = net.pool(net.quantize(x, scale=0.03, zero_point=-7), "MAX_POOL_2D", (2, 2), (2, 1))
    x = net.conv(net.conv(x, 6, (3, 3), padding="SAME"), 6, (1, 2))
    graph = net.graph(net.conv(x, 4))
    return _with_dead_channels(graph, np.random.default_rng(seed))


def _with_dead_channels(graph, rng):
    """Zero some filters, push some biases to where the activation clips, unread some channels."""
    tensors = list(graph.tensors)
    for op in graph.ops:
        if op.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        weights, bias = (np.array(graph.tensors[i].data) for i in op.inputs[1:3])
        axis = 0 if op.kind == "CONV_2D" else 3
        view = np.moveaxis(weights, axis, 0)
        fate = rng.integers(0, 4, len(view))
        view[fate == 0] = 0
        bias[fate == 1] = -400_000
        bias[fate == 2] = rng.choice([-400_000, 400_000, 17], (fate == 2).sum())
        if op.kind == "CONV_2D" and rng.random() < 0.5:
            weights[..., rng.integers(0, weights.shape[3])] = 0
        for index, data in zip(op.inputs[1:3], (weights, bias), strict=True):
            tensors[index] = replace(tensors[index], data=read_only(data))
    return replace(graph, tensors=tuple(tensors))


class DetectorBuilder(NetworkBuilder):
    """A two-level detector, whose outputs can be arranged as files in use have them."""

    def heads(self, num_classes, *, dtype="uint8"):
        """int8 scores, int8 deltas and the image."""
        image = self.image(16, 24, dtype=dtype)
        x = self.quantize(image) if dtype == "uint8" else image
        x = self.pad(x, (0, 0), (0, 1), (0, 1), (0, 0))
        x = self.conv(x, 6, (3, 3), stride_height=2, stride_width=2, activation="RELU6")
        scores, deltas = [], []
        for _ in range(2):
            x = self.depthwise(x, padding="SAME", stride_height=2, stride_width=2)
            _, rows, columns, _ = self._shape(x)
            count = rows * columns * ANCHORS_PER_CELL
            for parts, width in ((scores, num_classes + 1), (deltas, 4)):
                y = self.conv(x, ANCHORS_PER_CELL * width)
                y = self.reshape(y, 1, count, width)
                parts.append(y if not parts else self.copy_of_codes(y, parts[0]))
        joined = [self.concat(parts, 1) for parts in (scores, deltas)]
        return self.softmax(joined[0]), joined[1], image

    def real(self, index):
        """The float32 copy of a tensor."""
        return self.plain("DEQUANTIZE", (index,), self._shape(index), "float32")

    def as_uint8(self, index):
        tensor = self.tensors[index]
        return self.quantize(index, zero_point=tensor.zero_point + 128, dtype="uint8")

    def anchors(self, like, *, quantized, dynamic, image):
        """Constant anchors ``[1, NA, 4]``; dynamic: repeated for each image of the batch."""
        shape = (1, self._shape(like)[1], 4)
        values = self.rng.uniform(-0.2, 1.2, shape).astype(np.float32)
        quantization = None
        if quantized:
            quantization = Quantization((float(np.float32(0.011)),), (-13,))
            values = np.round(values / 0.011 - 13).clip(-128, 127).astype(np.int8)
        dtype = str(values.dtype)
        self.tensors.append(Tensor("anchors", shape, dtype, quantization, read_only(values)))
        index = len(self.tensors) - 1
        if not dynamic:
            return index, values
        sizes = self.plain("SHAPE", (image,), (4,), "int32")
        one = self.number([1])
        batch = self.plain(
            "STRIDED_SLICE",
            (sizes, self.number([0]), one, one),
            (),
            "int32",
            StridedSliceOptions(shrink_axis_mask=1),
        )
        single = self.number(1)
        multiples = self.plain("PACK", (batch, single, single), (3,), "int32", PackOptions())
        index = self.plain("TILE", (index, multiples), shape, dtype, quantization=quantization)
        return index, values

    def number(self, value):
        data = read_only(np.array(value, np.int32))
        self.tensors.append(Tensor("number", data.shape, "int32", None, data))
        return len(self.tensors) - 1

    def join(self, parts):
        columns = sum(self._shape(part)[2] for part in parts)
        shape = (1, self._shape(parts[0])[1], columns)
        return self.plain("CONCATENATION", parts, shape, "float32", ConcatOptions(axis=2))

    def plain(self, kind, inputs, shape, dtype, options=None, quantization=None):
        """An operator whose output is given in full."""
        self.tensors.append(Tensor(f"{kind} {len(self.tensors)}", shape, dtype, quantization))
        index = len(self.tensors) - 1
        name = self.tensors[index].name
        self.ops.append(Op(kind, name, tuple(inputs), (index,), options or NoOptions()))
        return index


def detector(layout="joined", num_classes=2, seed=1, *, dynamic=False, dtype="uint8"):
    """A detector as a graph, with what its head must be found to be.

    Args:
        layout: ``"joined"`` or outputs in order: ``s`` scores, ``d`` deltas, ``a`` anchors; each
            followed by ``f`` float32, ``u`` uint8 or ``i`` int8, as ``"af df sf"``.

    Returns:
        The graph, indices of int8 scores and deltas in it, and the anchors as float32 or None.
    """
    net = DetectorBuilder(seed)
    scores, deltas, image = net.heads(num_classes, dtype=dtype)
    if layout == "joined":
        anchors, values = net.anchors(scores, quantized=False, dynamic=dynamic, image=image)
        joined = net.join([net.real(scores), net.real(deltas), anchors])
        return net.graph(joined), scores, deltas, values[0]
    outputs, values = [], None
    for part, form in layout.split():
        if part == "a":
            index, stored = net.anchors(scores, quantized=form != "f", dynamic=dynamic, image=image)
            scale = float(np.float32(0.011))
            values = stored[0]
            if form != "f":
                values = (scale * (values.astype(np.float64) + 13)).astype(np.float32)
            outputs.append(index)
        else:
            index = {"s": scores, "d": deltas}[part]
            turn = {"f": net.real, "u": net.as_uint8, "i": lambda i: i}[form]
            outputs.append(turn(index))
    return net.graph(*outputs), scores, deltas, values


def graph_equals(a: Graph, b: Graph) -> bool:
    """Whether two graphs are equal but for the order of their tensors."""

    def described(graph, index):
        if index is None:
            return None
        tensor = graph.tensors[index]
        data = None if tensor.data is None else (str(tensor.data.dtype), tensor.data.tobytes())
        return tensor.name, tensor.shape, tensor.dtype, tensor.quantization, data

    def listed(graph):
        ops = [
            (
                op.kind,
                op.name,
                op.options,
                [described(graph, i) for i in op.inputs],
                [described(graph, i) for i in op.outputs],
            )
            for op in graph.ops
        ]
        ends = [described(graph, i) for i in (*graph.inputs, *graph.outputs)]
        return ops, ends

    return listed(a) == listed(b)
