"""Finds the objects in an image: ``python find.py quantized_model.tflite photo.jpg``."""

import sys
from pathlib import Path

import tinydet
from tinydet.data.images import read_image

detector = tinydet.load_detector(Path(sys.argv[1]))
found = tinydet.detect(detector, read_image(Path(sys.argv[2])), detector.spec.postprocess)
for record in found.to_records(detector.spec.class_names):
    print(record["class_name"], record["score"], record["box"])
