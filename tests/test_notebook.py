"""Results in a notebook: all of it is there, escaped, and well-formed."""

import json
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydet.boxes import Detections
from tinydet.notebook import MOST_ROWS
from tinydet.result import Result

# What an XML parser may be given: any text but control characters.
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
RECORDS = st.dictionaries(
    TEXT,
    st.recursive(
        SCALARS,
        lambda inner: st.dictionaries(TEXT, inner, max_size=3) | st.lists(inner, max_size=4),
        max_leaves=8,
    ),
    max_size=4,
)


@dataclass(frozen=True)
class Figures(Result):
    figures: dict[str, Any]
    text: str = ""

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, Any]:
        return self.figures


def words(html: str) -> str:
    return "".join(ElementTree.fromstring(html).itertext())


@given(RECORDS, TEXT)
@settings(max_examples=60)
def test_any_result_is_well_formed_and_shows_its_text_and_keys(
    figures: dict[str, Any], text: str
) -> None:
    shown = words(Figures(figures, text)._repr_html_())
    assert text.strip() in shown
    assert all(key in shown for key in figures)


def test_markup_in_names_stays_text() -> None:
    shown = Figures({"<script>": "<img src=x>", "rows": [{"a&b": "<b>"}]}, "<i>")._repr_html_()
    assert not [tag for tag in ("<script>", "<img", "<b>", "<i>") if tag in shown]
    assert "<script>" in words(shown)


def test_a_long_table_tells_how_much_is_left_out() -> None:
    rows = [{"row": f"line {i}"} for i in range(MOST_ROWS + 7)]
    shown = words(Figures({"rows": rows})._repr_html_())
    assert f"line {MOST_ROWS - 1}" in shown
    assert f"line {MOST_ROWS}" not in shown
    assert "and 7 more" in shown


def test_figures_of_a_result_are_those_of_its_json() -> None:
    result = Figures({"ap": 0.4375, "files": {"size": 12}, "none": None})
    shown = words(result._repr_html_())
    assert json.loads(result.to_json())["ap"] == 0.4375
    assert all(text in shown for text in ("0.4375", "12", "None", "files"))


@given(st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 5), max_size=6))
@settings(max_examples=30)
def test_detections_draw_every_box_where_it_is(found: list[tuple[float, ...]]) -> None:
    """A row and a frame for each box, to scale; x before y."""
    corners = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d, _ in found]
    detections = Detections(
        np.array(corners, np.float32).reshape(-1, 4),
        np.array([score for *_, score in found], np.float32),
        np.arange(len(found), dtype=np.int64),
    )
    tree = ElementTree.fromstring(detections._repr_html_())
    canvas, *frames = tree.findall(".//rect")
    side = float(canvas.attrib["width"])
    drawn = [[float(f.attrib[key]) for key in ("x", "y", "width", "height")] for f in frames]
    expected = [(x, y, right - x, bottom - y) for x, y, right, bottom in corners]
    np.testing.assert_allclose(
        np.reshape(drawn, (-1, 4)), np.reshape(expected, (-1, 4)) * side, atol=0.051
    )
    assert len(tree.findall(".//tr")) == (len(found) + 1 if found else 0)


def test_no_object_says_so() -> None:
    none = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    assert "0 objects" in words(none._repr_html_())
