"""Calibration images in which every class has its share."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tinydet.quantization.calibration import stratified


@given(
    labels=st.lists(st.lists(st.integers(0, 4), max_size=3), min_size=1, max_size=60),
    count=st.integers(1, 70),
)
def test_each_class_has_its_share(labels, count):
    """No image twice, in order, and no class goes short while another has more than its share."""
    paths = [Path(str(i)) for i in range(len(labels))]
    chosen = stratified(paths, labels, count)
    indices = [int(path.name) for path in chosen]
    assert len(indices) == min(count, len(labels))
    assert indices == sorted(set(indices))
    kinds = [set(ids) or {-1} for ids in labels]
    classes = set().union(*kinds)
    share = count // len(classes)
    for class_id in classes:
        available = sum(class_id in kind for kind in kinds)
        taken = sum(class_id in kinds[i] for i in indices)
        assert taken >= min(available, share) or len(indices) == len(labels)


def test_a_rare_class_is_in_it():
    labels = [[0]] * 500 + [[1]] * 3
    paths = [Path(str(i)) for i in range(len(labels))]
    chosen = [int(path.name) for path in stratified(paths, labels, 20)]
    assert {500, 501, 502} <= set(chosen)
    assert max(chosen[:17]) > 400  # evenly over the others
