"""``tinydet evaluate``: AP of a model on labelled images."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydet.commands.data import SPLITS
from tinydet.commands.init import DATA_HELP
from tinydet.commands.options import Command, Option, output_option
from tinydet.commands.predict import CLASSES
from tinydet.errors import OptionError, UnsupportedError
from tinydet.notes import tell
from tinydet.pretrained import LISTED
from tinydet.pretrained import model_path as path_of

if TYPE_CHECKING:
    from tinydet.commands.evaluate_result import EvaluateResult
    from tinydet.data.dataset import Dataset
    from tinydet.evaluation import EvaluationSettings
    from tinydet.evaluation.scoring import ScoredImages
    from tinydet.inference import Detector
    from tinydet.inference.detector import Engine

MAX_LISTED = 20  # class names in one line
LITERT_ENGINES = ("litert", "litert-ref")
C_ENGINES = ("c", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85")
COMMAND = Command(
    "evaluate",
    "measure the AP of a .keras or .tflite model, or compare two",
    "tinydet.commands.evaluate:evaluate",
    (
        Option(
            "model",
            f".keras or .tflite file (also a published one), or one of {LISTED}",
            parameter="detector",
            required=True,
        ),
        Option(
            "other",
            "a second model, compared on the same images, with the interval of the difference",
            parameter="other",
        ),
        Option("--data", DATA_HELP, "path", parameter="dataset", required=True),
        Option("--split", "part of the data set", choices=SPLITS, default_text="val"),
        CLASSES,
        Option(
            "--iou",
            "IoU thresholds of the AP",
            "number",
            parameter="iou_thresholds",
            many=True,
            default_text="0.4",
        ),
        Option(
            "--engine",
            "fast or reference kernels, or the compiled C",
            choices=(*LITERT_ENGINES, *C_ENGINES),
            default_text="litert",
            only=("tflite",),
        ),
        output_option("evaluation_run"),
    ),
)


def evaluate(
    detector: "Detector | str | Path",
    dataset: "Dataset | str | Path",
    *,
    other: "Detector | str | Path | None" = None,
    output: str | Path | None = None,
    split: str | None = None,
    class_names: Sequence[str] | None = None,
    iou_thresholds: Sequence[float] | None = None,
    engine: str | None = None,
    settings: "EvaluationSettings | None" = None,
    model_path: str | Path | None = None,
    data_path: str | Path | None = None,
    run_folder: str | Path | None = None,
    on_scored: "Callable[[ScoredImages], None] | None" = None,
) -> "EvaluateResult":
    """Measure a detector on labelled images; write figures, pictures and the report.

    Args:
        detector: The model, its file, or the name of a bundled detector.
        dataset: The data set, or its path: folder, ``data.yaml`` or COCO json.
        other: A second model, evaluated in the same way and compared with the first.
        output: Folder for ``evaluation/<model stem>/`` and ``report.html``, and for two models also
            ``comparison.json`` and ``comparison.png``; None writes nothing. If the second model has
            the name of the first, or is compiled, its files go to ``other/``.
        split: ``train``, ``val`` or ``test`` of a data set given by path; None uses ``val``, or
            everything if there are no parts.
        class_names: For a model file without ``detector.json``: class names in the order of its
            outputs.
        iou_thresholds: IoU thresholds of the AP, in (0, 1]; None: 0.4. 0.50 and 0.75 are always
            added.
        engine: For a ``.tflite`` file: ``litert`` (None), ``litert-ref``, or the compiled C: ``c``
            on this machine, a core, as ``cortex-m7``, in an emulator.
        settings: All other settings; instead of ``iou_thresholds``.
        model_path: Path of a detector that is given as an object, for the record.
        data_path: Path of a data set that is given as an object, for the record.
        run_folder: Another name of ``output``.
        on_scored: Called with the detections of every image, for pictures of several detectors.

    Returns:
        All figures.

    Raises:
        TinydetError: The model or the data cannot be used, or an option does not apply to them.
    """
    from tinydet import evaluation
    from tinydet.commands.evaluate_result import EvaluateResult
    from tinydet.report import write_report

    if output is not None and run_folder is not None:
        raise OptionError("run_folder", ["evaluations without output"])
    output = output if output is not None else run_folder
    folder = None if output is None else Path(output)
    if settings is not None and iou_thresholds is not None:
        raise OptionError("iou_thresholds", ["evaluations without settings"])
    _check_ious(iou_thresholds or ())
    found, named = _detector(detector, class_names, engine, folder, (dataset, split))
    data, where = _dataset(dataset, found.spec.class_names, split, named)
    ious = tuple(iou_thresholds or (0.4,))
    result = evaluation.evaluate(
        found,
        data,
        model_path=Path(model_path or named),
        data_path=Path(data_path or where),
        run_folder=folder,
        settings=settings
        or evaluation.EvaluationSettings(iou_thresholds=ious, engine=engine or "litert"),
        on_scored=on_scored,
    )
    second, comparison = None, None
    if other is not None:
        second = _second(
            other,
            named,
            folder,
            dataset=data,
            data_path=data_path or where,
            class_names=class_names,
            iou_thresholds=iou_thresholds,
            engine=engine,
            settings=settings,
        )
        comparison = evaluation.compare(result, second, labels_of(named, other))
        if folder is not None:
            evaluation.save_comparison(comparison, folder)
    report = None if folder is None else str(write_report(folder).resolve())
    return EvaluateResult(**vars(result), report=report, other=second, comparison=comparison)


def _second(
    other: "Detector | str | Path", first: str | Path, folder: Path | None, **same: Any
) -> "EvaluateResult":
    """The second model, evaluated as the first was; its files stay apart from the first's."""
    if folder is not None and (
        _path(other).stem == Path(first).stem or same["engine"] in C_ENGINES
    ):
        folder = folder / "other"
    return evaluate(other, output=folder, **same)


def _path(detector: "Detector | str | Path") -> Path:
    return path_of(detector) if isinstance(detector, (str, Path)) else Path(detector.name)


def labels_of(first: "Detector | str | Path", second: "Detector | str | Path") -> tuple[str, str]:
    """What two models are called: their names, with as many folders as tell them apart.

    >>> labels_of("a/model.tflite", "b/model.tflite"), labels_of("one.keras", "two.tflite")
    (('a/model.tflite', 'b/model.tflite'), ('one.keras', 'two.tflite'))
    """
    one, two = _path(first), _path(second)
    depth = 1
    while one.parts[-depth:] == two.parts[-depth:] and depth < max(len(one.parts), len(two.parts)):
        depth += 1
    return "/".join(one.parts[-depth:]), "/".join(two.parts[-depth:])


def _check_ious(iou_thresholds: Sequence[float]) -> None:
    outside = [str(iou) for iou in iou_thresholds if not 0 < iou <= 1]
    if outside:
        raise UnsupportedError("--iou", ", ".join(outside), "above 0, up to 1", "Correct it.")


def _detector(
    detector: "Detector | str | Path",
    class_names: Sequence[str] | None,
    engine: str | None,
    output: Path | None,
    labelled: "tuple[Dataset | str | Path, str | None]",
) -> "tuple[Detector, str | Path]":
    """The detector and the path that it is known by."""
    from tinydet.config.detector_spec import TFLITE_SUFFIXES
    from tinydet.inference import load_detector
    from tinydet.pipeline.detector_of import is_described, spec_for

    if not isinstance(detector, (str, Path)):
        COMMAND.check((), class_names=class_names, engine=engine)
        return detector, detector.name
    path = path_of(detector)
    contexts = set() if is_described(path) else {"undescribed"}
    contexts |= {"tflite"} if path.suffix.lower() in TFLITE_SUFFIXES or path.is_dir() else set()
    COMMAND.check(contexts, class_names=class_names, engine=engine)
    spec = spec_for(path, class_names, lambda: _names_of(*labelled))
    if engine in C_ENGINES:
        from tinydet.deployment.compiling import compiled_detector

        if output is None:
            raise OptionError("--engine", ["evaluations with an output folder for the C"])
        return compiled_detector(path, spec, str(engine), output / "compiled"), path
    kernels: Engine = "litert-ref" if engine == "litert-ref" else "litert"
    return load_detector(path, spec, engine=kernels), path


def _names_of(dataset: "Dataset | str | Path", split: str | None) -> tuple[str, ...]:
    """Class names of a data set, in its order."""
    from tinydet.data.dataset import Dataset, load_dataset

    if isinstance(dataset, Dataset):
        return dataset.class_names
    return load_dataset(Path(dataset), None, _part(Path(dataset), split)).class_names


def _part(path: Path, split: str | None) -> str | None:
    from tinydet.data.dataset import available_splits

    return split or ("val" if "val" in available_splits(path) else None)


def _dataset(
    dataset: "Dataset | str | Path",
    class_names: tuple[str, ...],
    split: str | None,
    model: str | Path,
) -> "tuple[Dataset, str | Path]":
    """The data set and the path that it is known by."""
    from tinydet.data.dataset import load_dataset
    from tinydet.pipeline.detector_of import is_described

    COMMAND.check((), split=split)
    if not isinstance(dataset, (str, Path)):
        if split is not None:
            raise OptionError("split", ["data sets given by path"])
        folders = [str(sample.path.parent) for sample in dataset.samples]
        return dataset, os.path.commonpath(folders) if folders else "."
    path = Path(dataset)
    if isinstance(model, Path) and not is_described(model):
        return _with_more_classes(path, class_names, _part(path, split)), path
    return load_dataset(path, class_names, _part(path, split)), path


def _with_more_classes(path: Path, class_names: tuple[str, ...], split: str | None) -> "Dataset":
    """Images for a model that others made, which may know classes that the data has not.

    Such classes have no objects, and do not count; they are told.
    """
    import numpy as np

    from tinydet.data.dataset import load_dataset

    own = load_dataset(path, None, split).class_names
    known = [name for name in class_names if name in own]
    if not known or len(known) == len(class_names):
        return load_dataset(path, class_names, split)
    text = f"{len(class_names) - len(known)} of the {len(class_names)} classes of the model are "
    text += f"not in the data and do not count; these are: {', '.join(known[:MAX_LISTED])}"
    tell(text)
    data = load_dataset(path, known, split)
    ids = np.array([class_names.index(name) for name in known])
    samples = tuple(replace(each, class_ids=ids[each.class_ids]) for each in data.samples)
    return replace(data, class_names=class_names, samples=samples)
