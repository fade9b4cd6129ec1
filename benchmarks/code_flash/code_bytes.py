"""Prints the code flash of a detector on a Cortex-M7; for code_flash.py, with any state of tinydet.

python code_bytes.py MODEL.tflite COMPILER
"""

import sys
import tempfile
from pathlib import Path

from tinydet.compiler import compile_detector
from tinydet.config.detector_spec import DETECTOR_FILE, load_detector_spec
from tinydet.targets import CortexMTarget
from tinydet.targets.footprint import footprint_of

if __name__ == "__main__":
    model, compiler = Path(sys.argv[1]), sys.argv[2]
    detector = compile_detector(model, spec=load_detector_spec(model.with_name(DETECTOR_FILE)))
    with tempfile.TemporaryDirectory() as folder:
        target = CortexMTarget("cortex-m7", compiler=compiler)  # type: ignore[arg-type]
        program = target.build(detector, Path(folder) / "build")
        print(footprint_of(program, stack_bytes=0).code_bytes)
