"""Why accuracy dropped: float against int8, layer by layer."""

from tinydet.quantization.analysis.layer_report import (
    LAYER_REPORT_FILE,
    LayerReport,
    costliest,
    format_layers,
    load_layer_report,
    write_layer_report,
)

__all__ = [
    "LAYER_REPORT_FILE",
    "LayerReport",
    "costliest",
    "format_layers",
    "load_layer_report",
    "write_layer_report",
]
