"""Training curves as geometry: the template draws it as SVG, so that all text is escaped there."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480, 250
LEFT, RIGHT, TOP, BOTTOM = 54, 10, 10, 34
Pick = Callable[[Iterable[tuple[float, float]]], tuple[float, float]]
SMALLEST_SPAN = 1e-12  # below, rounding errors would be drawn as a curve
# Title, factor of the values, and which of them is best.
KINDS: dict[str, tuple[str, float, Pick | None]] = {
    "loss": ("Loss", 1, min),
    "accuracy": ("Validation accuracy, %", 100, max),
    "rate": ("Learning rate", 1, None),
}
MAX_LINES = 6  # more lines in one chart cannot be told apart


@dataclass(frozen=True)
class Tick:
    """A grid line: where it is (in the chart's units) and what stands at it."""

    position: float
    label: str


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name: Column name.
        points: ``"x,y x,y ..."`` of the epochs that have a value: a figure that is taken every
            few epochs is still one curve.
        last: The last value, as text.
        best: The best value and its epoch, as text; empty where "best" has no meaning.
        slot: Which of the chart colours it has, 0-based.
    """

    name: str
    points: str
    last: str
    best: str
    slot: int


@dataclass(frozen=True)
class Chart:
    """A chart of curves over the epochs, in an SVG of ``WIDTH`` by ``HEIGHT``.

    Attributes:
        hidden: Names of columns that were not drawn because the chart is full.
    """

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    hidden: tuple[str, ...] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def training_charts(columns: Mapping[str, Sequence[float]]) -> list[Chart]:
    """Charts of loss, validation accuracy and learning rate from the columns of the metrics table.

    A column is told by its name: ``*loss*``; ``lr`` or ``*learning_rate*``; accuracy by the words
    ap, map, mpre, mrec, f1, precision, recall (fractions, drawn in percent).

    Args:
        columns: Column name to values, one per epoch; nan where there is none.

    Returns:
        The charts that have data, in this order.
    """
    by_lower = {name.lower(): list(values) for name, values in columns.items()}
    epochs = _epochs(by_lower)
    groups: dict[str, dict[str, list[float]]] = {kind: {} for kind in KINDS}
    for name, values in columns.items():
        kind = _column_kind(name)
        if kind and any(map(math.isfinite, values)):
            groups[kind][name] = [KINDS[kind][1] * value for value in values]
    return [
        _chart(title, epochs, groups[kind], best)
        for kind, (title, _, best) in KINDS.items()
        if groups[kind]
    ]


def nice_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that span an interval.

    The first is <= low, the last is >= high.

    >>> nice_ticks(0.0, 0.93)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = max(high - low or abs(high) or 1.0, SMALLEST_SPAN)
    power = 10 ** math.floor(math.log10(span / wanted))
    step = next(m * power for m in (1, 2, 5, 10) if m * power * wanted >= span * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, max(last, first + 1) + 1)]


def _epochs(by_lower: Mapping[str, list[float]]) -> list[float]:
    given = by_lower.get("epoch", [])
    length = max((len(values) for values in by_lower.values()), default=0)
    if len(given) == length and all(map(math.isfinite, given)):
        return given
    return [float(i + 1) for i in range(length)]


def _column_kind(name: str) -> str | None:
    words = set(name.lower().replace("/", "_").replace("@", "_").replace(".", "_").split("_"))
    if "lr" in words or "learning_rate" in name.lower():
        return "rate"
    if any("loss" in word for word in words):
        return "loss"
    known = ("map", "mpre", "mrec", "f1", "precision", "recall")
    if any(word.startswith(("ap", *known)) and not word.startswith("app") for word in words):
        return "accuracy"
    return None


def _chart(
    title: str, epochs: Sequence[float], series: Mapping[str, Sequence[float]], best: Pick | None
) -> Chart:
    names = list(series)[:MAX_LINES]
    values = [v for name in names for v in series[name] if math.isfinite(v)]
    y_values = nice_ticks(min(0.0, *values), max(values))
    x_values = _epoch_ticks(epochs)
    x_low, x_high = epochs[0], max(epochs[-1], epochs[0] + 1)

    def x_at(epoch: float) -> float:
        return LEFT + (epoch - x_low) / (x_high - x_low) * (WIDTH - RIGHT - LEFT)

    def y_at(value: float) -> float:
        share = (value - y_values[0]) / (y_values[-1] - y_values[0])
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    lines = []
    for slot, name in enumerate(names):
        known = [(v, e) for v, e in zip(series[name], epochs, strict=False) if math.isfinite(v)]
        lines.append(
            Line(
                name,
                # Twice the same point where there is only one: a dot, thanks to the round ends.
                " ".join(
                    f"{x_at(e):.1f},{y_at(v):.1f}"
                    for v, e in (known if len(known) > 1 else known * 2)
                ),
                f"{known[-1][0]:.3g}",
                "" if best is None else _best_text(known, best),
                slot,
            )
        )
    return Chart(
        title,
        tuple(lines),
        tuple(Tick(round(x_at(x), 1), f"{x:g}") for x in x_values),
        tuple(Tick(round(y_at(y), 1), f"{y:.4g}") for y in y_values),
        tuple(list(series)[MAX_LINES:]),
    )


def _best_text(known: Sequence[tuple[float, float]], best: Pick) -> str:
    value, epoch = best((v, e) for v, e in known)
    return f"{value:.3g} at epoch {epoch:g}"


def _epoch_ticks(epochs: Sequence[float]) -> list[float]:
    low, high = epochs[0], epochs[-1]
    inside = [t for t in nice_ticks(low, high, 6) if low <= t <= high and t == round(t)]
    return inside or [low]
