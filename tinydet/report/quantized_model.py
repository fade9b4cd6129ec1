"""What the report says of the int8 model: how it was made, and its layers against float."""

from dataclasses import dataclass

from tinydet.quantization.analysis import LayerReport
from tinydet.report.facts import Fact, to_facts
from tinydet.report.run_files import RunFiles

FOLDER = "quantized_models"
MANY_LAYERS = 15  # that the error mostly comes from; the others are folded away


@dataclass(frozen=True)
class QuantizedModel:
    """The int8 model.

    Attributes:
        facts: How it was made; empty where that is not known.
        layers: Costliest first; empty without a layer report.
    """

    facts: tuple[Fact, ...]
    layers: tuple[LayerReport, ...]

    @property
    def costliest(self) -> tuple[LayerReport, ...]:
        """Those that most of the error comes from."""
        return self.layers[:MANY_LAYERS]

    @property
    def others(self) -> tuple[LayerReport, ...]:
        """The rest."""
        return self.layers[MANY_LAYERS:]


def read_quantized_model(files: RunFiles) -> QuantizedModel:
    """The record of the quantization and the layers, where the run folder has them."""
    # tinydet quantize writes the model into the folder itself.
    alone = (files.folder / "quantization.json").is_file()
    prefix = "" if alone else f"{FOLDER}/"
    record = files.mapping(f"{prefix}quantization.json")
    layers = None
    if (files.folder / f"{prefix}layers.json").is_file():
        layers = files.record(f"{prefix}layers.json", list[LayerReport])
    ranked = sorted(layers or [], key=lambda layer: -layer.cost_share)
    return QuantizedModel(tuple(to_facts(record or {})), tuple(ranked))
