"""Write the generated tables of docs/configuration.md and docs/augmentation.md.

    python docs/make_configuration_reference.py

The tables come from the schema and from what each function takes; the words come from the
docstrings. A test fails when the files are stale.
"""

import ast
import inspect
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from tinydet.config.generations import DATA_SOURCES, DEFAULT_RUN_FOLDER, RENAMED
from tinydet.config.requirements import (
    BENCHMARKING,
    DEPLOYMENT,
    IMAGES,
    MODEL_SUFFIXES,
    MODEL_TYPE,
    NEW_MODEL,
    QUANTIZATION,
    RESCALING,
    TRAINING,
)
from tinydet.config.schema.augmentation import KEYS_2024
from tinydet.config.schema.callbacks import LR_SCHEDULERS
from tinydet.config.schema.user_config import TRAINING_MODES, UserConfig
from tinydet.config.schema.values import Section
from tinydet.config.without_meaning import OFF_ONLY, WITHOUT_MEANING
from tinydet.data.augment.arguments import REQUIRED, Argument
from tinydet.data.augment.configuration import FUNCTION_ARGUMENTS
from tinydet.data.augment.erasing import ERASING_FUNCTIONS
from tinydet.data.augment.generation_2024 import ARGUMENTS_2024
from tinydet.data.augment.geometry import GEOMETRIC_FUNCTIONS
from tinydet.data.augment.mosaic import MOSAIC, Mosaic
from tinydet.data.augment.object_crop import OBJECT_FUNCTIONS
from tinydet.data.augment.photometric import PIXEL_FUNCTIONS

DOCS = Path(__file__).parent
SCHEDULES_FILE = DOCS.parent / "tinydet" / "config" / "schedules.py"
NOTHING = "\N{EN DASH}"  # in a cell: no value
BEGIN, END = "<!-- generated: {} -->", "<!-- end of generated -->"

# Fields whose type is decided by a function; what it takes, in words.
TYPES = {
    "training.model.alpha": "0.35, 0.5, 0.75, 1.0",
    "training.model.input_shape": "(height, width, 3), sides of 192, 224, 256, 288, 320, 352, "
    "384, 416",
    "training.model.anchors": "`published`, `wide`, `compact`, or a section",
    "training.optimizer": "name, or {name: {arguments}}",
    "training.callbacks": "{name: {arguments}}",
    "data_augmentation": "{name: {arguments}}",
}
DEFAULTS = {
    "evaluation.iou_thresholds": "`IoU_eval_thresh`",
    "prediction.score_threshold": "`confidence_thresh`",
    "hydra.run.dir": f"`{DEFAULT_RUN_FOLDER}`",
    "preprocessing.rescaling.scale": "`1/127.5`",
    "training.model.anchors": "`published`",
    "training.model.anchors.aspect_ratios": "(1, 2, 1/2, 1/3)",
    "training.model.fpn_channels": "128; `small`: 48",
    "training.model.head_depth": "4; `small`: 2",
    "training.optimizer": "`Adam: {learning_rate: 0.001}`",
}
MEANINGS = {
    "preprocessing.rescaling.scale": "network input = scale * pixel + offset, pixel in 0..255.",
    "preprocessing.rescaling.offset": "See `scale`.",
    "preprocessing.resizing.interpolation": "How the image is resampled, see "
    "[numerics.md](numerics.md).",
    "preprocessing.resizing.aspect_ratio": "`fit` stretches the image to the input; `crop` scales "
    "it until it covers the input and keeps the centre; `padding` scales it to fit inside the "
    "input and fills the rest with grey 128.",
    "preprocessing.color_mode": "Content of the three input channels; `grayscale` repeats the "
    "luma.",
    "postprocessing.NMS_thresh": "Of two boxes of one class that overlap by more than this IoU, "
    "the one with the lower score is dropped.",
    "postprocessing.box_voting": "Each box that is kept becomes the mean, weighted by score, of "
    "the boxes of its class that overlap it by at least this IoU, usually 0.7; see "
    "[numerics.md](numerics.md#from-scores-to-detections). Empty: it stays as it is.",
    "quantization.quantization_input_type": "`uint8` takes pixels 0..255, `int8` pixels - 128, "
    "`float` rescaled pixels.",
    "training.frozen_layers": "Layers whose weights stay fixed: slices and indices of the "
    "layers of the model, such as `(0:-1)` or `(7:13,16,-1)`.",
    "training.loss": "Values that differ from the recipe.",
    "evaluation.iou_thresholds": "IoUs at which AP is computed; 0.50 and 0.75 are always added. "
    "Curves, best F1 and confusion use the first.",
    "training.model.anchors.smallest": "`(s0, s1)` of the first level, fractions of the shorter "
    "side; None uses the published formula.",
    "training.model.anchors.largest": "`(s0, s1)` of the last level.",
    "training.model.anchors.aspect_ratios": "Width / height of the anchors of size `s0`; one "
    "square anchor of size `s1` is added.",
}
NEEDED: dict[str, str] = {
    "general.model_path": "without training",
    "prediction.test_files_path": "to predict",
    **{
        ".".join(key): when
        for keys, when in (
            (MODEL_TYPE, "always"),
            (IMAGES, "except to benchmark"),
            (TRAINING, "to train"),
            (NEW_MODEL, "for a new network"),
            (RESCALING, "unless the model provides it"),
            (QUANTIZATION, "to quantize"),
            (BENCHMARKING, "to benchmark"),
            (DEPLOYMENT, "to deploy"),
        )
        for key in keys
    },
}


def attribute_docs(section: type[Section]) -> dict[str, str]:
    """Meaning of each attribute, by the ``Attributes`` part of the docstring."""
    text = inspect.getdoc(section) or ""
    found = re.findall(
        r"^    (\w+): (.+(?:\n {8}.+)*)", text.partition("Attributes:")[2], re.MULTILINE
    )
    docs = {name: re.sub(r"\s+", " ", meaning) for name, meaning in found}
    return {name: re.sub(r"^YAML ``\w+``[.;] ?", "", doc) for name, doc in docs.items()}


def constraints(metadata: Iterator[Any] | list[Any]) -> dict[str, Any]:
    """Bounds, from the metadata of a field."""
    found: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, FieldInfo):
            found.update(constraints(item.metadata))
        for bound in ("gt", "ge", "lt", "le"):
            if getattr(item, bound, None) is not None:
                found[bound] = getattr(item, bound)
    return found


def type_text(annotation: Any, metadata: list[Any]) -> str:
    """A type in words, with its bounds."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return type_text(inner, [*more, *metadata])
    if get_origin(annotation) in (Union, types.UnionType):
        known = [a for a in get_args(annotation) if a is not type(None)]
        return ", ".join(type_text(a, metadata) for a in known)
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{name}`" for name in get_args(annotation))
    if get_origin(annotation) is tuple:
        inner, *rest = get_args(annotation)
        many = "list of" if rest == [...] else f"{1 + len(rest)}"
        kind, space, bounds = type_text(inner, []).partition(" ")
        plural = {"text": "names"}.get(kind, kind if kind.startswith("`") else f"{kind}s")
        return f"{many} {plural}{space}{bounds}"
    limits = constraints(metadata)
    names = {bool: "True, False", int: "integer", float: "number", Path: "path", str: "text"}
    return names.get(annotation, "anything") + bounds_text(limits)


def bounds_text(limits: dict[str, Any]) -> str:
    """Bounds as an interval or a comparison."""
    low = limits.get("ge", limits.get("gt"))
    high = limits.get("le", limits.get("lt"))
    if low is None or limits.get("lt") == 2**32:
        return ""
    if high is None:
        return f" {'>=' if 'ge' in limits else '>'} {low:g}"
    return f" in {'[' if 'ge' in limits else '('}{low:g}, {high:g}{']' if 'le' in limits else ')'}"


def default_text(key: str, field: FieldInfo) -> str:
    """The value of a key that is left out."""
    if key in DEFAULTS:
        return DEFAULTS[key]
    default = field.get_default(call_default_factory=True)
    if default is None or isinstance(default, (dict, Section)):
        return NOTHING
    return f"`{default}`" if isinstance(default, str) else value_text(default)


def value_text(value: Any) -> str:
    """A default as one writes it."""
    if isinstance(value, (tuple, list)):
        return f"({', '.join(value_text(v) for v in value)})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def rows(section: type[Section], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    """(key, type, default, meaning) of a section and those below it."""
    docs = attribute_docs(section)
    for name, field in section.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        below = section_of(field.annotation)
        if below is None or key in TYPES:
            taken = TYPES.get(key) or type_text(field.annotation, list(field.metadata))
            default = f"{default_text(key, field)}"
            if key in NEEDED:
                default = f"required {NEEDED[key]}"
            yield key, taken, default, MEANINGS.get(key, docs.get(name, "")).replace("``", "`")
        if below is not None:
            yield from rows(below, f"{key}.")


def section_of(annotation: Any) -> type[Section] | None:
    """The section a field holds, None where it holds a value."""
    candidates = [annotation, *get_args(annotation)]
    found = [c for c in candidates if isinstance(c, type) and issubclass(c, Section)]
    return found[0] if found else None


def table(headings: list[str], lines: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    body = [headings, ["---"] * len(headings), *escaped]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in body)


def sections_text() -> str:
    """Every key of every section that means something here."""
    parts = []
    docs = attribute_docs(UserConfig)
    for name, field in UserConfig.model_fields.items():
        section = section_of(field.annotation)
        if section is None:
            continue
        lines = [(f"`{key}`", *others) for key, *others in rows(section, f"{name}.")]
        title = f"### {name}\n\n{docs[name].replace('``', '`')}\n"
        parts.append(f"{title}\n{table(['Key', 'Takes', 'Default', 'Meaning'], lines)}")
    return "\n\n".join(parts)


def modes_text() -> str:
    """Operation modes with the model files they take."""
    stages = {
        "training": "train, evaluate the best float model",
        "evaluation": "evaluate",
        "quantization": "quantize",
        "prediction": "predict",
        "benchmarking": "benchmark",
        "deployment": "deploy",
        "chain_tqe": "train, evaluate float, quantize, evaluate int8, compare",
        "chain_tqeb": "the same, then benchmark",
        "chain_eqe": "evaluate float, quantize, evaluate int8, compare",
        "chain_eqeb": "the same, then benchmark",
        "chain_qb": "quantize, benchmark",
        "chain_qd": "quantize, deploy",
    }
    lines = []
    for mode, what in stages.items():
        suffixes = ", ".join(f"`{suffix}`" for suffix in MODEL_SUFFIXES[mode])
        trains = " (only to train it further)" if mode in TRAINING_MODES else ""
        lines.append((f"`{mode}`", what, suffixes + trains))
    return table(["`operation_mode`", "What runs", "`general.model_path` ends in"], lines)


def renamed_text() -> str:
    """Spellings of other generations."""
    lines = [(f"`{'.'.join(old)}`", f"`{'.'.join(new)}`") for old, new in RENAMED]
    for new, others in DATA_SOURCES.items():
        lines += [(f"`dataset.{old}`", f"`dataset.{new}`") for old in others]
    return table(["Written as", "Read as"], lines)


def without_meaning_text() -> str:
    """Keys that are accepted without meaning."""
    lines = [(", ".join(f"`{key}`" for key in keys), why) for why, keys in WITHOUT_MEANING.items()]
    lines += [(f"`{key}` (only switched off)", why) for key, why in OFF_ONLY.items()]
    return table(["Key", "Why, and what to do instead"], lines)


def schedules_text() -> str:
    """Learning-rate schedules: arguments and law."""
    tree = ast.parse(SCHEDULES_FILE.read_text(encoding="utf-8"))
    laws = {f.name: ast.get_docstring(f) for f in tree.body if isinstance(f, ast.FunctionDef)}
    lines = []
    for name, (required, optional) in LR_SCHEDULERS.items():
        law = re.sub(r"\s+", " ", (laws[_snake(name)] or "").partition("\n\n")[0])
        for other in LR_SCHEDULERS:
            law = law.replace(f"``{_snake(other)}``", f"``{other}``")
        arguments = ", ".join([f"`{a}`" for a in required] + [f"[`{a}`]" for a in optional])
        lines.append((f"`{name}`", arguments, law.replace("``", "`")))
    return table(["Schedule", "Arguments ([optional])", "Law"], lines)


def _snake(schedule: str) -> str:
    """Name of the function of a schedule.

    >>> _snake("LRLinearDecay")
    'linear_decay'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", schedule.removeprefix("LR")).lower()


FUNCTION_MEANINGS = {
    "random_mosaic": "Combines parts of the picture and of three others; must come first. "
    "`center` is the point where the four meet, fractions of the sides; `scale` 1 keeps the size "
    "of the objects.",
    "random_hue": "Adds an offset to the hue; 1 is the whole colour circle.",
    "random_saturation": "Adds an offset to the saturation.",
    "random_value": "Adds an offset to the value (brightness).",
    "random_shear": "Shears the picture along x, then y; the factor is a fraction of a full turn.",
    "random_shear_x": "Shears the picture along x; the factor is a fraction of a full turn.",
    "random_shear_y": "Shears the picture along y; the factor is a fraction of a full turn.",
    "random_rectangle_erasing": "Paints rectangles over the picture; boxes are not changed.",
}
KEY_MEANINGS_2024 = {
    "rotation": "degrees, positive or negative",
    "shearing": "degrees, positive or negative",
    "translation": "fraction of the sides, positive or negative",
    "vertical_flip": "probability (halved, see above)",
    "horizontal_flip": "probability (halved, see above)",
    "gaussian_blur": "largest sigma in pixels; drawn from 0 to this value",
    "linear_contrast": "factor about mid-grey, drawn between the two",
}


def taken_by(argument: Argument) -> str:
    """What the rule of an argument says it expects."""
    try:
        argument.rule(object())
    except ValueError as error:
        return str(error)
    raise AssertionError("a rule takes anything")


def argument_default(argument: Argument) -> str:
    """The value of an argument that is left out."""
    if argument.default is REQUIRED:
        return "required"
    return NOTHING if argument.default is None else value_text(argument.default)


def functions_text(names: list[str], docs: dict[str, Callable[..., Any]]) -> str:
    """Functions with their arguments."""
    lines = []
    for name in names:
        law = re.sub(r"\s+", " ", (inspect.getdoc(docs[name]) or "").partition("\n\n")[0])
        meaning = FUNCTION_MEANINGS.get(name, law).replace("``", "`")
        for index, (argument, rule) in enumerate(FUNCTION_ARGUMENTS[name].items()):
            spellings = "".join(f", `{alias}`" for alias in rule.aliases)
            first = (f"`{name}`", meaning) if index == 0 else ("", "")
            cells = (f"`{argument}`{spellings}", argument_default(rule), taken_by(rule))
            lines.append((*first, *cells))
    return table(["Function", "What it does", "Argument", "Default", "Takes"], lines)


def geometric_text() -> str:
    """Functions that move boxes."""
    drawers = {**GEOMETRIC_FUNCTIONS, **OBJECT_FUNCTIONS}
    docs: dict[str, Callable[..., Any]] = {name: value[0] for name, value in drawers.items()}
    return functions_text([MOSAIC, *docs], {MOSAIC: Mosaic, **docs})


def pixel_text() -> str:
    """Functions that change pixels only."""
    changers = {**PIXEL_FUNCTIONS, **ERASING_FUNCTIONS}
    return functions_text(list(changers), {name: value[0] for name, value in changers.items()})


def keys_2024_text() -> str:
    """The seven keys of the 2024 generation."""
    lines = []
    for name in KEYS_2024:
        rule = ARGUMENTS_2024[name]
        cells = (argument_default(rule), taken_by(rule), KEY_MEANINGS_2024[name])
        lines.append((f"`{name}`", *cells))
    return table(["Key", "Default", "Takes", "Meaning"], lines)


TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "configuration.md": {
        "modes": modes_text,
        "sections": sections_text,
        "schedules": schedules_text,
        "renamed": renamed_text,
        "without meaning": without_meaning_text,
    },
    "augmentation.md": {
        "geometric": geometric_text,
        "pixels": pixel_text,
        "2024": keys_2024_text,
    },
}


def rendered(name: str) -> str:
    """The file with its tables made anew.

    Args:
        name: A key of ``TABLES``.
    """
    text = (DOCS / name).read_text(encoding="utf-8")
    for title, make in TABLES[name].items():
        begin = BEGIN.format(title)
        before, found, rest = text.partition(f"{begin}\n")
        _, ended, after = rest.partition(END)
        if not found or not ended:
            raise ValueError(f"{name} has no '{begin}' with an '{END}' after it")
        text = f"{before}{begin}\n\n{make()}\n\n{END}{after}"
    return text


if __name__ == "__main__":
    for file_name in TABLES:
        (DOCS / file_name).write_text(rendered(file_name), encoding="utf-8")
