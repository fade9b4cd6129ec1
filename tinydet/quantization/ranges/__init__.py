"""Which real numbers the 8-bit codes of each activation stand for, from calibration images."""

from collections.abc import Iterable, Sequence

import numpy as np

from tinydet.boxes import FloatArray
from tinydet.inference.tflite_file import run_with_tensors
from tinydet.progress import track
from tinydet.quantization.folded_network import FoldedNetwork, Range
from tinydet.quantization.options import CalibrationMethod
from tinydet.quantization.ranges.methods import METHODS, Histogram, whole_range
from tinydet.quantization.ranges.network_outputs import OutputValues, class_scores_of
from tinydet.quantization.ranges.shared import computed_of, shared_ranges

SMALLEST_WIDTH = 1e-6  # of a range: a tensor that is 0 on every image still needs a scale
SCORE_RANGE = (0.0, 255 / 256)  # of softmax and sigmoid: the kernels give scores in steps of 1/256


def calibrate_ranges(
    network: FoldedNetwork,
    images: Sequence[FloatArray],
    method: CalibrationMethod,
    input_range: Range,
) -> dict[int, Range]:
    """The range of every activation.

    Args:
        network: The folded float network.
        images: Rescaled calibration images ``[1, H, W, 3]``, gone through twice where the method
            needs to know how often values occur.
        method: How the range follows from the values.
        input_range: Of the rescaled image, so that it has one code per pixel value.

    Returns:
        Tensor -> ``(lowest, highest)``, which contain 0. Tensors between which nothing is computed
        have the same range. That of logits and deltas does not depend on the method: see
        ``network_outputs``.
    """
    groups = [(group, computed_of(network, group)) for group in shared_ranges(network)]
    outputs = OutputValues(class_scores_of(network))
    wholes = _extremes(network, [computed for _, computed in groups], images, outputs)
    histograms = [Histogram(low, high) for low, high in wholes]
    logits, deltas = network.logits_and_deltas
    refined = [
        METHODS[method] is not whole_range and not {logits, deltas} & set(g) for g, _ in groups
    ]
    if any(refined):
        content = network.content()
        for tensor in run_with_tensors(content, track(images, "Counting values")):
            for (_, computed), histogram, wanted in zip(groups, histograms, refined, strict=True):
                if wanted and histogram.low < histogram.high:
                    for index in computed:
                        histogram.add(tensor(index))
    ranges: dict[int, Range] = {}
    for (group, _), histogram, wanted in zip(groups, histograms, refined, strict=True):
        found = METHODS[method](histogram) if wanted and len(histogram.counts) else None
        low, high = found or whole_range(histogram)
        if logits in group:
            low, high = outputs.logit_range((low, high))
        elif deltas in group:
            low, high = outputs.delta_range or (low, high)
        ranges.update(dict.fromkeys(group, (low, max(high, low + SMALLEST_WIDTH))))
    return {**ranges, network.input: input_range, network.scores: SCORE_RANGE}


def _extremes(
    network: FoldedNetwork,
    tensors: Sequence[tuple[int, ...]],
    images: Iterable[FloatArray],
    outputs: OutputValues,
) -> list[Range]:
    """The extremes of each group of tensors; logits and deltas are looked at on the way."""
    logits, deltas = network.logits_and_deltas
    low, high = np.full(len(tensors), np.inf), np.full(len(tensors), -np.inf)
    for tensor in run_with_tensors(network.content(), track(images, "Calibrating")):
        for number, indices in enumerate(tensors):
            for index in indices:
                values = tensor(index)
                low[number] = min(low[number], values.min())
                high[number] = max(high[number], values.max())
        outputs.add(tensor(logits), tensor(deltas))
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
