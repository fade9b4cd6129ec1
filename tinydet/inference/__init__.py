"""Running a detector, float or int8, on images."""

from tinydet.inference.detection import detect as detect
from tinydet.inference.detection import detect_files as detect_files
from tinydet.inference.detection import select_in_image as select_in_image
from tinydet.inference.detector import Detector as Detector
from tinydet.inference.keras_detector import load_keras_model as load_keras_model
from tinydet.inference.model_files import check_model_file as check_model_file
from tinydet.inference.model_files import load_detector as load_detector
from tinydet.inference.model_files import model_kind as model_kind
from tinydet.inference.model_files import read_facts as read_facts
