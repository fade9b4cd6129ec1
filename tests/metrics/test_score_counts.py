"""Hits and false alarms at each score threshold, against counting one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinydet.metrics.curves import PrecisionRecall, score_counts

FOUND = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 100).map(lambda n: n / 100), st.floats(0, 1)), st.booleans()
    ),
    max_size=30,
)


@given(FOUND, st.integers(0, 5))
def test_counts_are_those_of_the_detections_that_are_kept(found, missed) -> None:
    found.sort(key=lambda each: -each[0])
    hit = np.array([h for _, h in found], bool)
    objects = int(hit.sum()) + missed
    kept = np.arange(1, len(found) + 1)
    curve = PrecisionRecall(
        np.array([score for score, _ in found], np.float64),
        np.cumsum(hit) / kept,
        np.cumsum(hit) / max(objects, 1),
        objects,
    )
    counts = score_counts(curve)
    assert counts.objects == objects
    assert len(counts.hits) == len(counts.false_alarms) == 99
    for index in range(99):
        kept_ones = [h for score, h in found if score >= (index + 1) / 100]
        assert counts.hits[index] == sum(kept_ones)
        assert counts.false_alarms[index] == len(kept_ones) - sum(kept_ones)
