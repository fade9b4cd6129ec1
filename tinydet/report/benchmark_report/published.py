"""The figures that the publisher of the network prints: ``published.json``."""

import json
from pathlib import Path
from typing import Any

from tinydet.report.benchmark_report.figures import (
    AccuracyFigures,
    MemoryFigures,
    Origin,
    Source,
    Subject,
    TimeFigures,
)
from tinydet.targets.footprint import KIB

PUBLISHED_FILE = Path(__file__).with_name("published.json")
NETWORK = "SSD MobileNetV2 FPN-lite"


class Published:
    """All published figures, as rows of the tables."""

    def __init__(self) -> None:
        content = json.loads(PUBLISHED_FILE.read_text(encoding="utf-8"))
        self._cards: dict[str, dict[str, str]] = content["cards"]
        self.memory = [self._memory(row) for row in content["footprints"]]
        self.mcu = [self._time(row) for row in content["mcu"]]
        self.mpu = [self._time(row) for row in content["mpu"]]
        self.accuracy = [self._accuracy(row) for row in content["accuracy"]]

    def _memory(self, row: dict[str, Any]) -> MemoryFigures:
        activation, runtime, weights, code = (
            row[f"{part}_kib"] * KIB
            for part in ("activation_ram", "runtime_ram", "weights_flash", "code_flash")
        )
        source = self._source(row)
        return MemoryFigures(
            _subject(row), row["series"], activation, runtime, weights, code, source
        )

    def _time(self, row: dict[str, Any]) -> TimeFigures:
        return TimeFigures(
            _subject(row),
            row["board"],
            row["engine"],
            self._source(row),
            clock_mhz=row["clock_mhz"],
            ms=row["ms"],
        )

    def _accuracy(self, row: dict[str, Any]) -> AccuracyFigures:
        ap = {f"{row['iou']:.2f}": row["ap"]}
        return AccuracyFigures(
            _subject(row), "int8 tflite", row["classes"], ap, None, self._source(row)
        )

    def _source(self, row: dict[str, Any]) -> Source:
        card = self._cards[row["card"]]
        return Source(Origin.PUBLISHED, f"model card, {card['tool']}", card["url"])


def _subject(row: dict[str, Any]) -> Subject:
    return Subject(NETWORK, (row["input"], row["input"]), row["alpha"], row["classes"])
