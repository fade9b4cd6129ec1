"""What a model file was made for: its ``detector.json``, else what the user says."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.config.detector_spec import (
    DETECTOR_FILE,
    DetectorSpec,
    PostprocessSpec,
    PreprocessSpec,
    load_detector_spec,
)
from tinydet.config.schema import UserConfig
from tinydet.errors import DataError, ModelFileError
from tinydet.notes import tell
from tinydet.pipeline import datasets

if TYPE_CHECKING:
    from tinydet.inference.model_files import ModelFacts


def spec_of(config: UserConfig, model_path: Path) -> DetectorSpec:
    """What the model of a configuration was made for.

    Args:
        config: Preprocessing and class names of a model without ``detector.json``.
        model_path: The model; its input size is read from it, and the rescaling where it is not
            in the configuration.

    Raises:
        ModelFileError: The model cannot be read, its classes are not known, or they are not
            those of ``dataset.class_names``.
    """
    names = config.dataset.class_names
    if is_described(model_path):
        beside = model_path.with_name(DETECTOR_FILE)
        return _agreeing(model_path, load_detector_spec(beside), names)
    from tinydet.inference import read_facts

    facts = read_facts(model_path)
    if names is None:
        names = label_file_names(config) or _names_of_data(config, model_path)
    told = facts.rescaling if config.preprocessing.rescaling is None else None
    return DetectorSpec(
        class_names=names,
        preprocess=config.preprocess_spec(facts.input_size, told),
        anchors=config.anchor_spec(),
        postprocess=config.postprocess_spec(),
    )


def trained_otherwise(config: UserConfig) -> str | None:
    """One sentence on the keys of ``preprocessing`` that differ from the model's own, if any.

    The model is used as it was trained, as its ``detector.json`` says.
    """
    path = config.general.model_path
    if path is None or not is_described(path):
        return None
    spec = load_detector_spec(path.with_name(DETECTOR_FILE))
    resizing = config.preprocessing.resizing
    written: dict[str, tuple[object, object]] = {
        "resizing.interpolation": (resizing.interpolation, spec.preprocess.interpolation),
        "resizing.aspect_ratio": (resizing.aspect_ratio, spec.preprocess.aspect_ratio),
        "color_mode": (config.preprocessing.color_mode, spec.preprocess.color_mode),
    }
    rescaling = config.preprocessing.rescaling
    if rescaling is not None:
        written["rescaling.scale"] = (rescaling.scale, spec.preprocess.scale)
        written["rescaling.offset"] = (rescaling.offset, spec.preprocess.offset)
    others = [f"{key} {own}" for key, (given, own) in written.items() if given != own]
    if not others:
        return None
    return (
        f"The model was trained with different preprocessing, which is used: {', '.join(others)}."
    )


def label_file_names(config: UserConfig) -> tuple[str, ...] | None:
    """Class names by ``deployment.label_file_path``, None where it is not written.

    Raises:
        DataError: The file cannot be read.
    """
    path = config.deployment.label_file_path
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        found = f"cannot be read ({error})"
        remedy = "Correct deployment.label_file_path, or write dataset.class_names."
        raise DataError(path, found, remedy) from None
    return tuple(line.strip() for line in lines if line.strip())


def spec_for(
    model_path: Path,
    class_names: Sequence[str] | None,
    names_of_data: Callable[[], Sequence[str]] | None = None,
) -> DetectorSpec:
    """What a model that is given by its path was made for.

    Args:
        model_path: The model.
        class_names: Of a model without ``detector.json``, in the order of its outputs. None takes
            the labels packed into a file that ends in a post-processing operator, else general
            names.
        names_of_data: Gives the class names of labelled images, which are taken, and told, where
            the model has none and as many classes.

    Returns:
        What its input tells of the rescaling counts, else the default does.

    Raises:
        ModelFileError: There is neither a ``detector.json`` nor a list of class names.
    """
    if is_described(model_path):
        return load_detector_spec(model_path.with_name(DETECTOR_FILE))
    from tinydet.inference import read_facts

    facts = read_facts(model_path)
    names = class_names if class_names is not None else _own_names(model_path, facts, names_of_data)
    height, width = facts.input_size
    preprocess = PreprocessSpec(height=height, width=width)
    if facts.rescaling is not None:
        scale, offset = facts.rescaling
        preprocess = preprocess.model_copy(update={"scale": scale, "offset": offset})
    postprocess = PostprocessSpec()
    if facts.postprocess is not None:
        # Such files are exported to give all boxes: the score threshold is left to the program.
        score = max(facts.postprocess.score_threshold, postprocess.score_threshold)
        postprocess = facts.postprocess.model_copy(update={"score_threshold": score})
    return DetectorSpec(class_names=tuple(names), preprocess=preprocess, postprocess=postprocess)


def _own_names(
    model_path: Path,
    facts: "ModelFacts",
    names_of_data: Callable[[], Sequence[str]] | None,
) -> Sequence[str]:
    """Class names of a model without ``detector.json``; those that are not its own are told."""
    number = facts.num_classes
    if facts.label_names is not None:
        return facts.label_names
    of_data = names_of_data() if names_of_data is not None and number is not None else ()
    if number is not None and len(of_data) == number:
        tell(f"{model_path}: class names of the data, in its order: {', '.join(of_data)}")
        return of_data
    if facts.postprocess is None or number is None or names_of_data is not None:
        told = [] if number is None else [f"it finds {number}"]
        told += [f"the data has {len(of_data)}"] if of_data else []
        finds = f" ({', '.join(told)})" if told else ""
        raise ModelFileError(
            model_path,
            f"has no {DETECTOR_FILE} next to it, so its classes are not known{finds}",
            "Give their names with --classes, in the order of its outputs.",
        )
    tell(f"{model_path}: its {number} classes have no names (give them with --classes)")
    return [f"class {index + 1}" for index in range(number)]


def is_described(model_path: Path) -> bool:
    """Whether a ``detector.json`` lies beside a model."""
    return model_path.with_name(DETECTOR_FILE).is_file()


def _agreeing(model_path: Path, spec: DetectorSpec, names: tuple[str, ...] | None) -> DetectorSpec:
    if names is not None and names != spec.class_names:
        raise ModelFileError(
            model_path,
            f"finds {', '.join(spec.class_names)}, but dataset.class_names says {', '.join(names)}",
            "Remove dataset.class_names, or give the model for these classes.",
        )
    return spec


def _names_of_data(config: UserConfig, model_path: Path) -> tuple[str, ...]:
    section = config.dataset
    if not (section.test_path or section.validation_path or section.training_path):
        raise ModelFileError(
            model_path,
            f"has no {DETECTOR_FILE} next to it, so its classes are not known",
            "Give dataset.class_names, in the order of its outputs.",
        )
    return datasets.load_evaluation(section, None)[0].class_names
