"""The ranges of class logits and box deltas: those that make a difference to a box.

Most anchors see background, and surely so. Their logits lie far beyond what a score in steps of
1/256 can tell, and nothing reads their deltas; ranges that cover them leave coarse steps to the
objects. So the range of the logits is the one with the least error of the scores, and that of the
deltas covers the anchors whose score does not round to 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tinydet.boxes import FloatArray
from tinydet.inference.decoding import softmax
from tinydet.quantization.folded_network import SOFTMAX, FoldedNetwork, Range
from tinydet.quantization.ranges.methods import round_to_codes

LOWEST_SCORE = 1 / 512  # rounds to 0 in steps of 1/256
MOST_ANCHORS = 512  # kept per image, of each kind
MOST_VALUES = 1 << 21  # of logits that a search goes through, some seconds
SHARES = np.linspace(0.1, 1.0, 37).tolist()  # of each end of the whole range
ROUNDS = 3  # the ends depend on each other: a score is a difference of logits


@dataclass
class OutputValues:
    """Logits and deltas on the calibration images.

    Attributes:
        scores_of: Scores of the classes, from logits; without those of the background.
        delta_range: Of the anchors whose score does not round to 0; None where there is none.
    """

    scores_of: Callable[[FloatArray], FloatArray] = field(
        default_factory=lambda: object_scores, repr=False
    )
    delta_range: Range | None = None
    _logits: list[FloatArray] = field(default_factory=list, repr=False)
    _weights: list[npt.NDArray[np.float64]] = field(default_factory=list, repr=False)

    def add(self, logits: FloatArray, deltas: FloatArray) -> None:
        """Take in one image.

        Args:
            logits: ``[1, NA, NC]``, background first.
            deltas: ``[1, NA, 4]``.
        """
        is_seen = self.scores_of(logits[0]).max(axis=-1) >= LOWEST_SCORE
        seen = deltas[0][is_seen]
        if len(seen):
            low, high = self.delta_range or (0.0, 0.0)
            self.delta_range = min(low, float(seen.min())), max(high, float(seen.max()))
        for kind in (logits[0][is_seen], logits[0][~is_seen]):
            step = -(-len(kind) // MOST_ANCHORS) or 1
            self._logits.append(kind[::step].copy())  # a view would keep all anchors in memory
            self._weights.append(np.full(len(self._logits[-1]), float(step)))

    def logit_range(self, whole: Range) -> Range:
        """The range whose codes give the scores with the least squared error.

        Args:
            whole: Range of all logits, which contains 0; the one found lies within.
        """
        logits, weights = np.concatenate(self._logits), np.concatenate(self._weights)
        step = -(-logits.size // MOST_VALUES)
        logits, weights = logits[::step], weights[::step]
        wanted = self.scores_of(logits)

        def error(ends: Range) -> float:
            found = self.scores_of(round_to_codes(logits, ends))
            return float((weights * np.square(found - wanted).sum(axis=-1)).sum())

        low, high = whole
        for _ in range(ROUNDS):
            high = min((error((low, whole[1] * s)), whole[1] * s) for s in SHARES)[1]
            low = min((error((whole[0] * s, high)), whole[0] * s) for s in SHARES)[1]
        return min((whole, (low, high)), key=error)


def class_scores_of(network: FoldedNetwork) -> Callable[[FloatArray], FloatArray]:
    """How the scores of the classes follow from the logits of a network."""
    if network.told is None:
        return object_scores
    background = network.shape(network.scores)[-1] - network.told.num_classes
    of_all = softmax if network.head.kind == SOFTMAX else sigmoid
    return lambda logits: of_all(logits)[..., background:]


def sigmoid(logits: FloatArray) -> FloatArray:
    """The logistic function."""
    exponents = np.exp(-np.clip(logits, -80, 80))  # beyond it is 0 or 1 in float32
    scores: FloatArray = (1 / (1 + exponents)).astype(np.float32)
    return scores


def object_scores(logits: FloatArray) -> FloatArray:
    """Scores ``[..., NC - 1]`` of the classes, from logits ``[..., NC]``, background first."""
    return softmax(logits)[..., 1:]
