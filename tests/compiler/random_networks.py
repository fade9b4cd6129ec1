"""Random networks for tests of schedule, memory plan and generated C."""

from hypothesis import strategies as st

from tests.compiler.network_builder import NetworkBuilder


@st.composite
def networks(draw, most_blocks=5):
    """Chains with residual sums, taps that are read late, several readers, joins, odd sizes."""
    net = NetworkBuilder(draw(st.integers(0, 2**16)))
    height, width = draw(st.integers(5, 17)), draw(st.integers(3, 9))
    tensors = [_window(draw, net, net.image(height, width, 3), dense=True)]
    for _ in range(draw(st.integers(1, most_blocks))):
        source = draw(st.sampled_from(tensors[-3:]))
        block = draw(st.sampled_from((_window, _window, _residual, _element, _resize, _pad, _pool)))
        tensors.append(block(draw, net, source))
    outputs = [tensors[-1], *draw(st.lists(st.sampled_from(tensors), max_size=2))]
    if draw(st.booleans()):
        outputs[0] = _joined(draw, net, tensors)
    return net.graph(*dict.fromkeys(outputs))


def _window(draw, net, x, dense=None):
    options = {
        "stride_height": draw(st.integers(1, 3)),
        "stride_width": draw(st.integers(1, 2)),
        "dilation_height": draw(st.sampled_from((1, 1, 2))),
        "padding": draw(st.sampled_from(("SAME", "SAME", (2, 1, 1, 1), (0, 2, 1, 1)))),
    }
    if net.tensors[x].shape[1] < 5:
        options["padding"] = "SAME"  # else no row might be left
    size = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    if dense or (dense is None and draw(st.booleans())):
        x = net.conv(x, draw(st.integers(1, 5)), size, **options)
        dense = draw(st.booleans())
    if dense:
        return x
    return net.depthwise(net.conv(x, 4), (3, 3), **(options | {"dilation_height": 1}))


def _residual(draw, net, x):
    channels = net.tensors[x].shape[3]
    y = net.conv(x, draw(st.integers(1, 6)), activation="RELU6")
    for _ in range(draw(st.integers(1, 2))):
        y = net.depthwise(y, padding="SAME")
    return net.add(net.conv(y, channels), x)


def _element(draw, net, x):
    kind = draw(st.sampled_from(("logistic", "relu", "add", "mul", "row")))
    if kind == "logistic":
        return net.logistic(x)
    if kind == "relu":
        return net.relu(x)
    if kind == "row":
        return net.add(x, net.constant((1, 1, 1, net.tensors[x].shape[3])))
    y = net.conv(x, net.tensors[x].shape[3])
    return net.add(x, y) if kind == "add" else net.mul(y, x)


def _resize(draw, net, x):
    _, height, width, _ = net.tensors[x].shape
    factor = draw(st.sampled_from((1, 2, 2, 3)))
    rows = draw(st.sampled_from((height * factor, height + 2)))
    kind = draw(st.sampled_from(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")))
    half = draw(st.booleans())
    return net.conv(net.resize(net.conv(x, 3), rows, width, kind, half_pixel_centers=half), 2)


def _pad(draw, net, x):
    before, after = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    return net.pad(x, (0, 0), (before, after), (1, 0), (0, 0))


def _pool(draw, net, x):
    kind = draw(st.sampled_from(("MAX_POOL_2D", "AVERAGE_POOL_2D")))
    stride = (draw(st.integers(1, 2)), 1)
    return net.pool(x, kind, (draw(st.integers(1, 3)), 2), stride, padding="SAME")


def _joined(draw, net, tensors):
    """Rows of two convolutions behind one another, as the heads of a detector."""
    parts = []
    for source in (tensors[-1], draw(st.sampled_from(tensors))):
        part = net.conv(source, 2)
        _, height, width, _ = net.tensors[part].shape
        part = net.reshape(part, 1, height * width, 2)
        parts.append(net.copy_of_codes(part, parts[0]) if parts else part)
    whole = net.concat(parts if draw(st.booleans()) else parts[:1], 1)
    return net.softmax(whole) if draw(st.booleans()) else whole
