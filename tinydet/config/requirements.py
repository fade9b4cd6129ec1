"""What an operation mode needs: sections, keys, and the kind of model file."""

from typing import get_args

from tinydet.config.detector_spec import KERAS_SUFFIXES, TFLITE_SUFFIXES
from tinydet.config.document import Document, Key, Scalar
from tinydet.config.schema.user_config import (
    BENCHMARKING_MODES,
    DEPLOYMENT_MODES,
    EVALUATION_MODES,
    QUANTIZATION_MODES,
    TRAINING_MODES,
    OperationMode,
)
from tinydet.errors import readable
from tinydet.pretrained import FLOAT, INT8, is_pretrained, model_path

MODEL_SUFFIXES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(get_args(OperationMode), (*KERAS_SUFFIXES, *TFLITE_SUFFIXES)),
    **dict.fromkeys(TRAINING_MODES, KERAS_SUFFIXES),
    "benchmarking": TFLITE_SUFFIXES,
    "deployment": TFLITE_SUFFIXES,
}
MODEL_TYPE: dict[Key, str] = {("general", "model_type"): "ssd_mobilenet_v2_fpnlite"}
# Every mode but benchmarking, which knows no image.
IMAGES: dict[Key, str] = {
    ("preprocessing", "resizing", "interpolation"): "bilinear, nearest, area",
    ("preprocessing", "resizing", "aspect_ratio"): "fit, crop, padding",
    ("preprocessing", "color_mode"): "rgb, bgr, grayscale",
    ("postprocessing", "confidence_thresh"): "a number in 0..1",
    ("postprocessing", "NMS_thresh"): "a number in 0..1, usually 0.5",
    ("postprocessing", "IoU_eval_thresh"): "a number in 0..1, usually 0.4",
}
TRAINING: dict[Key, str] = {
    ("dataset", "training_path"): "a folder of labelled images",
    ("training", "batch_size"): "an integer, usually 32",
    ("training", "epochs"): "an integer",
    ("training", "optimizer"): "a Keras optimizer, such as Adam: {learning_rate: 0.001}",
}
# May be left out where a trained model is used: its detector.json or its int8 input tells it.
RESCALING: dict[Key, str] = {
    ("preprocessing", "rescaling", "scale"): "a number, usually 1/127.5",
    ("preprocessing", "rescaling", "offset"): "a number, usually -1",
}
NEW_MODEL: dict[Key, str] = {
    ("training", "model", "alpha"): "0.35, 0.5, 0.75, 1.0",
    ("training", "model", "input_shape"): "(height, width, 3)",
}
QUANTIZATION: dict[Key, str] = {
    ("quantization", "quantizer"): "TFlite_converter",
    ("quantization", "quantization_type"): "PTQ",
    ("quantization", "quantization_input_type"): "int8, uint8, float",
    ("quantization", "quantization_output_type"): "int8, uint8, float",
}
BENCHMARKING: dict[Key, str] = {("benchmarking", "board"): "the name of a board"}
DEPLOYMENT: dict[Key, str] = {("deployment", "hardware_setup", "board"): "the name of a board"}
DATA_PATHS = ("training_path", "validation_path", "test_path", "quantization_path")
BOARD_MODES = BENCHMARKING_MODES | DEPLOYMENT_MODES
# Which operation modes read a section; those that are not here are read by all.
MODES_OF: dict[str, frozenset[str]] = {
    "dataset": frozenset(MODEL_SUFFIXES) - {"benchmarking", "deployment"},
    "training": TRAINING_MODES,
    "data_augmentation": TRAINING_MODES,
    "custom_data_augmentation": TRAINING_MODES,
    "quantization": QUANTIZATION_MODES,
    "evaluation": EVALUATION_MODES | TRAINING_MODES,
    "prediction": frozenset({"prediction"}),
    "tools": BOARD_MODES,
    "benchmarking": BENCHMARKING_MODES,
    "deployment": BOARD_MODES,
}
MODEL_SOURCES: tuple[Key, ...] = (
    ("training", "model"),
    ("general", "model_path"),
    ("training", "resume_training_from"),
)


def is_needed(document: Document, key: Key) -> bool:
    """Whether the operation mode reads a key; in a mode that nobody knows every key counts.

    What stands in other keys never stops a run.
    """
    mode = (document.text("operation_mode") or "").lower()
    section = str(key[0]) if key else ""  # what is wrong with the file as a whole
    if mode not in MODEL_SUFFIXES or section not in MODES_OF:
        return section != "mlflow"
    if section in ("training", "data_augmentation") and mode in QUANTIZATION_MODES:
        aware = (document.text("quantization", "quantization_type") or "").upper() == "QAT"
        return aware or mode in TRAINING_MODES
    if section == "dataset" and key[1:2] == ("class_names",):
        return True
    return mode in MODES_OF[section]


def find_named_model(document: Document) -> None:
    """Put the file of a bundled detector in the place of its name, as ``person_192``."""
    key: Key = ("general", "model_path")
    name, mode = document.text(*key), (document.text("operation_mode") or "").lower()
    if name is not None and is_pretrained(name):
        takes_float = mode in TRAINING_MODES | QUANTIZATION_MODES
        suffix = FLOAT if takes_float else INT8
        document.put(key, Scalar(str(model_path(name, suffix)), plain=False), document.origin(key))


def check_requirements(document: Document) -> None:
    """Report everything the operation mode needs and the document lacks."""
    mode = (document.text("operation_mode") or "").lower()
    for key, supported in _required_keys(document, mode).items():
        if document.get(*key) is None:
            remedy = f"Add it: operation_mode {readable(mode, 40)} needs it." if mode else "Add it."
            document.require(key, supported, remedy)
    if mode in TRAINING_MODES:
        _check_model_source(document)
    if mode in MODEL_SUFFIXES:
        _check_data(document, mode)
        _check_suffix(document, mode)


def _required_keys(document: Document, mode: str) -> dict[Key, str]:
    """Keys with what they take; of an unknown mode those that every mode needs."""
    required = MODEL_TYPE | ({} if mode == "benchmarking" else IMAGES)
    if mode in TRAINING_MODES:
        required |= TRAINING
        if document.get("training", "model") is not None:
            required |= NEW_MODEL | RESCALING
    elif mode in MODEL_SUFFIXES:
        required[("general", "model_path")] = f"a file ending in {_suffixes(mode)}"
    if document.get("preprocessing", "rescaling") is not None:
        required |= RESCALING
    if mode in QUANTIZATION_MODES:
        required |= QUANTIZATION
    if mode in BENCHMARKING_MODES:
        required |= BENCHMARKING
    if mode in DEPLOYMENT_MODES:
        required |= DEPLOYMENT
    if mode == "prediction":
        required[("prediction", "test_files_path")] = "an image, a folder, a video file"
    return required


def _check_model_source(document: Document) -> None:
    written = [
        key for key in MODEL_SOURCES if document.text(*key) or isinstance(document.get(*key), dict)
    ]
    names = ", ".join(".".join(map(str, key)) for key in MODEL_SOURCES)
    if not written:
        remedy = f"Add one of {names}."
        document.require(("training", "model"), "a section with alpha and input_shape", remedy)
    for key in written[1:]:
        first = document.origin(written[0]).key
        remedy = "Keep one of the two."
        document.report(key, f"a second model in addition to {first}", f"one of {names}", remedy)


def _check_data(document: Document, mode: str) -> None:
    paths = {name for name in DATA_PATHS if document.get("dataset", name) is not None}
    evaluated = {"test_path", "validation_path", "training_path"}
    if mode in EVALUATION_MODES - TRAINING_MODES and not paths & evaluated:
        remedy = "Add the folder of labelled images to evaluate on."
        document.require(("dataset", "test_path"), "a folder of labelled images", remedy)
    calibrates = mode in QUANTIZATION_MODES - TRAINING_MODES
    if calibrates and not paths & {"quantization_path", "training_path"}:
        takes = "a folder of images like those the detector will see"
        remedy = "Add it: calibration on random data would spoil the accuracy."
        document.require(("dataset", "quantization_path"), takes, remedy)


def _suffixes(mode: str) -> str:
    return ", ".join(MODEL_SUFFIXES[mode])


def _check_suffix(document: Document, mode: str) -> None:
    path = document.text("general", "model_path")
    if path is None or path.lower().endswith(MODEL_SUFFIXES[mode]):
        return
    suffix = "." + path.rpartition(".")[2] if "." in path else "no suffix"
    remedy = f"Give a model of this kind for operation_mode {mode}."
    if suffix.lower() == ".onnx":
        remedy = "Give the Keras or .tflite model it was made from."
    found = f"{path!r} ({suffix})"
    document.report(("general", "model_path"), found, _suffixes(mode), remedy)
