"""``training.frozen_layers``: which layers keep their weights, as slices over layer indices."""

import re

SUPPORTED = "slices and indices of layers, such as (0:-1) or (7:13,16,-1)"
ITEM = re.compile(
    r"(?P<index>[+-]?\d+)|(?P<start>[+-]?\d*):(?P<stop>[+-]?\d*)(:(?P<step>[+-]?\d*))?"
)


def parse_frozen_layers(text: str) -> tuple[slice | int, ...]:
    """Slices and indices over the layers of the model, in Python's sense.

    Args:
        text: Items separated by commas, in parentheses or not; negative ones count from the end.

    Returns:
        The items in order; each is applied to the list of layers.

    Raises:
        ValueError: The text is no such list, or a step is 0.

    >>> parse_frozen_layers("(7:13,16,-1)")
    (slice(7, 13, None), 16, -1)
    """
    inner = text.strip()
    if inner.startswith(("(", "[")) and inner.endswith((")", "]")):
        inner = inner[1:-1]
    items = [item.strip() for item in inner.split(",")]
    if len(items) > 1 and not items[-1]:
        items.pop()  # (3,) as Python writes a tuple of one
    return tuple(_parse_item(item) for item in items)


def _parse_item(item: str) -> slice | int:
    match = ITEM.fullmatch(item.replace(" ", ""))
    if len(item) > 40 or not match:
        raise ValueError(f"{item[:40]!r} is not a slice or an index")
    if match["index"]:
        return int(match["index"])
    try:
        bounds = [int(match[name]) if match[name] else None for name in ("start", "stop", "step")]
    except ValueError:
        raise ValueError(f"{item!r} is not a slice or an index") from None
    if bounds[2] == 0:
        raise ValueError(f"{item!r} has a step of 0")
    return slice(*bounds)
