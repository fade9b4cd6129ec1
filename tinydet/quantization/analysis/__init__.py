"""Why accuracy dropped: float against int8, layer by layer."""

from tinydet.quantization.analysis.layer_report import LAYER_REPORT_FILE as LAYER_REPORT_FILE
from tinydet.quantization.analysis.layer_report import LayerReport as LayerReport
from tinydet.quantization.analysis.layer_report import costliest as costliest
from tinydet.quantization.analysis.layer_report import format_layers as format_layers
from tinydet.quantization.analysis.layer_report import load_layer_report as load_layer_report
from tinydet.quantization.analysis.layer_report import write_layer_report as write_layer_report
