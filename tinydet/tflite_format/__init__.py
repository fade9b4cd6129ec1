"""The format of .tflite files: its tables, its numbers, and whether a file keeps its rules."""

from tinydet.tflite_format.flatbuffer import MalformedError as MalformedError
from tinydet.tflite_format.structure import check_structure as check_structure
from tinydet.tflite_format.structure import elements_by_type as elements_by_type
