"""Keys of published files that are accepted without meaning: the one table of them.

Their values are never read, so that nothing in them can stop a run. One line at the start of a run
names those that were written.
"""

from tinydet.config.document import Document, Key, Scalar, dotted

# Why they have no meaning here, and what to do instead -> keys, or sections with all below them.
WITHOUT_MEANING: dict[str, tuple[str, ...]] = {
    "Figures are written to the run folder; no window is opened.": ("general.display_figures",),
    "The label format is detected from the content of the files.": ("dataset.format",),
    "Image files are always checked.": ("dataset.check_image_files",),
    "Nothing is downloaded: specify the path of the data.": ("dataset.download_data",),
    "An image may have any number of boxes.": ("dataset.max_detections",),
    "Only for other networks.": (
        "postprocessing.yolo_anchors",
        "postprocessing.crop_stretch_percents",
        "model.depth_mul",
        "model.width_mul",
        "model.pretrained_dataset",
        "model.pretrained_input_shape",
    ),
    "Only for ONNX: models are quantized to `.tflite`.": (
        "quantization.target_opset",
        "quantization.extra_options",
        "quantization.op_types_to_quantize",
        "quantization.onnx_quant_parameters",
        "quantization.onnx_extra_options",
    ),
    "Use `quantization.max_drop`, and `quantization.report` to see what each layer costs.": (
        "quantization.operating_mode",
        "quantization.iterative_quant_parameters",
    ),
    "Evaluation and prediction run on this machine. `tinydet evaluate --engine` and "
    "`tinydet benchmark` run the compiled C, also on a board.": tuple(
        f"{section}.{key}"
        for section in ("evaluation", "prediction")
        for key in (
            "target",
            "profile",
            "input_type",
            "output_type",
            "input_chpos",
            "output_chpos",
        )
    ),
    "No .npy files are written.": (
        "evaluation.gen_npy_input",
        "evaluation.gen_npy_output",
        "evaluation.npy_in_name",
        "evaluation.npy_out_name",
    ),
    "Prediction involves no random numbers.": ("prediction.seed",),
    "tinydet generates and measures the C code itself.": tuple(
        f"tools.{tool}.{key}"
        for tool in ("stm32ai", "stedgeai")
        for key in ("version", "on_cloud", "path_to_loader")
    ),
    "The firmware project is complete and needs no IDE.": (
        "tools.path_to_cubeIDE",
        "deployment.c_project_path",
        "deployment.IDE",
        "deployment.verbosity",
    ),
    "It follows from the board.": ("deployment.hardware_setup.serie",),
    "Camera input and the handling of boxes are two functions in the firmware's `main.c`.": (
        "deployment.hardware_setup.input",
        "deployment.hardware_setup.output",
    ),
    "The probe is chosen when the firmware is flashed, see its README.": (
        "deployment.hardware_setup.stlink_serial_number",
    ),
    "Choose a smaller alpha or input size instead of pruning.": ("compression",),
    "Only `hydra.run.dir` has a meaning.": tuple(
        f"hydra.{key}"
        for key in (
            "sweep",
            "job",
            "job_logging",
            "hydra_logging",
            "verbose",
            "output_subdir",
            "mode",
            "searchpath",
            "launcher",
            "sweeper",
            "callbacks",
            "env",
            "help",
            "hydra_help",
            "overrides",
            "runtime",
        )
    ),
}
# Keys that are accepted only where they are switched off: on, they would change what comes out.
OFF_ONLY = {
    "preprocessing.normalization": "Write it as preprocessing.rescaling.",
    "preprocessing.mean": "Write it as preprocessing.rescaling.offset.",
    "preprocessing.std": "Write it as preprocessing.rescaling.scale.",
    "training.dryrun": "Write training.epochs: 1 for a short training.",
}
OFF = ("", "false", "none", "null", "~", "0", "no", "off")
KEYS = frozenset(key for keys in WITHOUT_MEANING.values() for key in keys)


def _set_aside_defaults(document: Document) -> None:
    """Hydra's list of files that are laid together; only this file's own place means nothing."""
    listed = document.get("defaults")
    if listed is None:
        return
    for entry in listed if isinstance(listed, list) else [listed]:
        names = entry if isinstance(entry, dict) else [entry]
        if not all(name == "_self_" or "hydra/" in str(name) for name in names):
            remedy = "Copy what they contain into this file, and remove the key."
            document.report(("defaults",), "a list of other files", "one file", remedy)
    document.set_aside.append("defaults")
    document.forget(("defaults",))


def is_without_meaning(key: Key) -> bool:
    """Whether a key, or a section above it, stands in the table."""
    return any(dotted(key[:length]) in KEYS for length in range(1, len(key) + 1))


def set_aside(document: Document) -> None:
    """Take the keys of the tables out of a document; ``document.set_aside`` names them."""
    _set_aside_defaults(document)
    for key in list(document.origins):
        name = dotted(key)
        value = document.get(*key)
        if name in KEYS:
            if value is not None:
                document.set_aside.append(name)
            document.forget(key)
        elif name in OFF_ONLY:
            if not (value is None or (isinstance(value, Scalar) and value.lower() in OFF)):
                document.report(key, "a value here", "this key switched off", OFF_ONLY[name])
            document.forget(key)
