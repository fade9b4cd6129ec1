"""Whether buffers are never in each other's way, going by what their lives say."""

from collections.abc import Sequence

from tinydet.compiler.memory.buffers import Buffer, Offset


def validate_offsets(buffers: Sequence[Buffer], offsets: Sequence[Offset]) -> list[str]:
    """Every way the offsets are wrong, one sentence each; an empty list means correct.

    Args:
        buffers: What was to be placed.
        offsets: One per buffer.
    """
    problems = [] if len(buffers) == len(offsets) else ["one offset per buffer is needed"]
    placed = list(zip(buffers, offsets, strict=False))
    used: dict[int, list[tuple[int, int, str]]] = {}  # event -> first byte, byte behind, whose
    for buffer, offset in placed:
        if offset < 0 or offset % buffer.alignment:
            problems.append(f"{buffer.name}: offset {offset} is not on {buffer.alignment} bytes")
        for life in buffer.lives:
            spans = zip(life.low.tolist(), life.high.tolist(), strict=True)
            for event, (low, high) in enumerate(spans, life.first_event):
                if low < high:
                    used.setdefault(event, []).append((offset + low, offset + high, buffer.name))
    found: dict[tuple[str, str], str] = {}
    for event, spans_of_event in sorted(used.items()):
        top, top_name = 0, ""
        for low, high, name in sorted(spans_of_event):
            if low < top and name != top_name:
                found.setdefault(
                    (top_name, name),
                    f"{top_name} up to {top} and {name} [{low}, {high}) overlap at event {event}",
                )
            if high > top:
                top, top_name = high, name
    return problems + list(found.values())
