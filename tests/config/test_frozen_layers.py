"""Frozen layers are Python's slices."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.config.frozen_layers import parse_frozen_layers

BOUND = st.one_of(st.just(""), st.integers(-30, 30).map(str))


@settings(deadline=None)
@given(st.lists(st.tuples(BOUND, BOUND, st.sampled_from(["", ":", ":2", ":-1"])), min_size=1))
def test_slices_select_what_python_selects(parts: list[tuple[str, str, str]]) -> None:
    layers = list(range(20))
    texts = [f"{start}:{stop}{step}" for start, stop, step in parts]
    found = [layers[item] for item in parse_frozen_layers(f"({', '.join(texts)})")]
    assert found == [eval(f"layers[{text}]", {"layers": layers}) for text in texts]


def test_indices_and_slices_keep_their_order() -> None:
    assert parse_frozen_layers("(7:13,16,-1)") == (slice(7, 13), 16, -1)
    assert parse_frozen_layers("0:-1") == (slice(0, -1),)
    assert parse_frozen_layers("(3,)") == (3,)


@pytest.mark.parametrize("text", ["", "()", "(a:b)", "1:2:0", "1..2", "1:2:3:4", "(1;2)", "- :1"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a slice|step of 0"):
        parse_frozen_layers(text)
