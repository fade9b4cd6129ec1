"""What the report says of the int8 model: how it was made, and its layers against float."""

from dataclasses import dataclass

from pydantic import RootModel

from tinydet.report.facts import Fact, to_facts
from tinydet.report.records import Record
from tinydet.report.run_files import RunFiles

FOLDER = "quantized_models"
MANY_LAYERS = 15  # that the error mostly comes from; the others are folded away
LOW_SQNR_DB = 15.0  # noise of a sixth of the signal
HIGH_SATURATION = 0.001
WIDE_SPREAD = 16.0  # four of the eight bits


class Layer(Record):
    """One layer of ``layers.json``, see ``tinydet.quantization.analysis.LayerReport``."""

    name: str
    operator: str = ""
    channels: int = 0
    sqnr_db: float | None = None
    saturated_share: float = 0.0
    dead_channels: int = 0
    constant_channels: int = 0
    weight_spread: float | None = None
    cost_share: float = 0.0

    @property
    def is_noisy(self) -> bool:
        """Whether its output has lost much."""
        return self.sqnr_db is not None and self.sqnr_db < LOW_SQNR_DB

    @property
    def is_saturated(self) -> bool:
        """Whether much of its output is cut off."""
        return self.saturated_share > HIGH_SATURATION

    @property
    def is_spread(self) -> bool:
        """Whether one channel is far larger than the others."""
        return self.weight_spread is not None and self.weight_spread > WIDE_SPREAD


class Layers(RootModel[list[Layer]]):
    """The content of ``layers.json``."""


@dataclass(frozen=True)
class Quantization:
    """The int8 model.

    Attributes:
        facts: How it was made; empty where that is not known.
        layers: Costliest first; empty without a layer report.
    """

    facts: tuple[Fact, ...]
    layers: tuple[Layer, ...]

    @property
    def costliest(self) -> tuple[Layer, ...]:
        """Those that most of the error comes from."""
        return self.layers[:MANY_LAYERS]

    @property
    def others(self) -> tuple[Layer, ...]:
        """The rest."""
        return self.layers[MANY_LAYERS:]


def read_quantization(files: RunFiles) -> Quantization:
    """The record of the quantization and the layers, where the run folder has them."""
    # tinydet quantize writes the model into the folder itself.
    alone = (files.folder / "quantization.json").is_file()
    prefix = "" if alone else f"{FOLDER}/"
    record = files.mapping(f"{prefix}quantization.json")
    layers = None
    if (files.folder / f"{prefix}layers.json").is_file():
        layers = files.record(f"{prefix}layers.json", Layers)
    ranked = sorted(layers.root if layers else [], key=lambda layer: -layer.cost_share)
    return Quantization(tuple(to_facts(record or {})), tuple(ranked))
