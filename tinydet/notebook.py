"""How results look in a notebook: HTML without colours or scripts of its own.

It follows the notebook's theme, light or dark. Every text is escaped.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

MOST_ROWS = 20  # of one table; how many more there are is told
MOST_CHARACTERS = 60  # of a list within a cell
CANVAS_PX = 160


def result_html(text: str, record: Mapping[str, Any]) -> str:
    """What a command prints, and below it all figures in tables that open on a click.

    Args:
        text: The printed text; may be empty.
        record: JSON-ready mapping of the figures.
    """
    printed = f"<pre>{escape(text.strip())}</pre>" if text.strip() else ""
    figures = f"<details><summary>all figures</summary>{_of(record)}</details>"
    return f'<div style="overflow-x: auto">{printed}{figures}</div>'


def boxes_html(
    boxes: Sequence[Sequence[float]],
    scores: Sequence[float],
    class_ids: Sequence[int],
    colours: Sequence[tuple[int, int, int]],
) -> str:
    """A table of detections beside a sketch of where they lie.

    Args:
        boxes: ``(x_min, y_min, x_max, y_max)`` each, fractions of the image.
        scores: In [0, 1], one per box.
        class_ids: 0-based, one per box.
        colours: ``(red, green, blue)`` of each box.
    """
    frames, rows = [], []
    for box, score, class_id, colour in zip(boxes, scores, class_ids, colours, strict=True):
        x, y, right, bottom = (value * CANVAS_PX for value in box)
        paint = f'fill="none" stroke="rgb{colour}" stroke-width="2"'
        size = f'width="{right - x:.1f}" height="{bottom - y:.1f}"'
        frames.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} {paint}/>')
        corners = " ".join(f"{value:.3f}" for value in box)
        rows.append({"class id": class_id, "score": f"{score:.3f}", "box": corners})
    canvas = f'width="{CANVAS_PX}" height="{CANVAS_PX}" viewBox="0 0 {CANVAS_PX} {CANVAS_PX}"'
    border = f'<rect width="{CANVAS_PX}" height="{CANVAS_PX}" fill="none" stroke="gray"/>'
    found = f"{len(boxes)} object{'' if len(boxes) == 1 else 's'}"
    sketch = f'<svg role="img" aria-label="{found}" {canvas}>{border}{"".join(frames)}</svg>'
    return f"<div><p>{found}</p>{sketch}{_rows(rows) if rows else ''}</div>"


def _of(record: Mapping[str, Any]) -> str:
    """A table of the single values, then a section for every mapping and every list of them."""
    plain = {key: value for key, value in record.items() if not _is_nested(value)}
    lines = (_line([_cell(key, "th"), _cell(value)]) for key, value in plain.items())
    return (f"<table>{''.join(lines)}</table>" if plain else "") + "".join(_sections(record))


def _sections(record: Mapping[str, Any]) -> Iterator[str]:
    for key, value in record.items():
        if _is_nested(value):
            inside = _of(value) if isinstance(value, Mapping) else _rows(value)
            yield f"<details><summary>{escape(key)}</summary>{inside}</details>"


def _is_nested(value: Any) -> bool:
    return bool(value) and (isinstance(value, Mapping) or _is_table(value))


def _is_table(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(row, Mapping) for row in value)


def _rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table with a line for every mapping, of all keys that any of them has."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = [_line([_cell(key, "th") for key in keys])]
    lines += [_line([_cell(row.get(key, "")) for key in keys]) for row in rows[:MOST_ROWS]]
    more = len(rows) - MOST_ROWS
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    return f"<table>{''.join(lines)}</table>{rest}"


def _line(cells: Sequence[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _cell(value: Any, tag: str = "td") -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    if isinstance(value, (list, tuple, Mapping)) and len(text) > MOST_CHARACTERS:
        text = f"{len(value)} values"
    return f"<{tag}>{escape(text)}</{tag}>"
