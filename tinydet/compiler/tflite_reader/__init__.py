"""Reading .tflite files, trusted or not."""

from tinydet.compiler.tflite_reader.reader import PostProcessOperator as PostProcessOperator
from tinydet.compiler.tflite_reader.reader import read_detector as read_detector
from tinydet.compiler.tflite_reader.reader import read_tflite as read_tflite
