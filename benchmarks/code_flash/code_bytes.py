"""Prints the code flash of detectors on a Cortex-M7; for code_flash.py, with any state of tinydet.

python code_bytes.py COMPILERS MODEL.tflite ...

COMPILERS: their names, with commas. A line for each model and compiler: file, compiler, bytes.
"""

import sys
import tempfile
from pathlib import Path

from tinydet.compiler import compile_detector
from tinydet.config.detector_spec import DETECTOR_FILE, load_detector_spec
from tinydet.targets import CortexMTarget
from tinydet.targets.footprint import footprint_of

if __name__ == "__main__":
    for name in sys.argv[2:]:
        model = Path(name)
        detector = compile_detector(model, spec=load_detector_spec(model.with_name(DETECTOR_FILE)))
        for compiler in sys.argv[1].split(","):
            with tempfile.TemporaryDirectory() as folder:
                target = CortexMTarget("cortex-m7", compiler=compiler)
                program = target.build(detector, Path(folder) / "build")
                size = footprint_of(program, stack_bytes=0).code_bytes
            print(name, compiler, size, sep="\t", flush=True)
