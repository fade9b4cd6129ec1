"""Every key of the schema is read somewhere, or takes one value and refuses all others; what is
accepted without meaning stands in one table and is named when it is written."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

import tinydet
from tinydet.config.loader import load_config
from tinydet.config.schema import UserConfig
from tinydet.config.schema.values import Section
from tinydet.config.template import render_template
from tinydet.config.without_meaning import KEYS, OFF_ONLY
from tinydet.errors import ConfigError

PACKAGE = Path(tinydet.__file__).parent


def section_of(annotation: Any) -> type[Section] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None


def fields(section: type[Section], prefix: str = "") -> Iterator[tuple[str, type[Section], str]]:
    """``(key in YAML, section class, attribute)`` of every field that holds a value."""
    for name, field in section.model_fields.items():
        key = prefix + (field.alias or name)
        below = section_of(field.annotation)
        if below is None:
            yield key, section, name
        else:
            yield from fields(below, key + ".")


FIELDS = list(fields(UserConfig))
CLASSES = {section.__name__: section for section in (UserConfig, *Section.__subclasses__())}


def refuses_all_but_one(section: type[Section], name: str) -> bool:
    annotation = section.model_fields[name].annotation
    return get_origin(annotation) is Literal and len(get_args(annotation)) == 1


class Reads(ast.NodeVisitor):
    """Which attributes of which section a module reads, following names through its functions."""

    def __init__(self) -> None:
        self.found: set[tuple[type[Section], str]] = set()
        self.names: dict[str, type[Section]] = {}
        self.owner: type[Section] | None = None

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self.owner = self.owner, CLASSES.get(node.name)
        self.generic_visit(node)
        self.owner = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer = dict(self.names)
        for argument in node.args.args:
            annotation = (
                ast.unparse(argument.annotation).strip("'\"") if argument.annotation else ""
            )
            self.know(argument.arg, CLASSES.get(annotation))
        if self.owner is not None:
            self.know("self", self.owner)
        for statement in node.body:
            self.visit(statement)
        self.read_by_name(node)
        self.names = outer

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            self.assign(target, node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.generic_visit(node)
        self.assign(node.target, node.value)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        if isinstance(node.iter, ast.Tuple) and isinstance(node.target, ast.Name):
            self.know(node.target.id, self.type_of(node.iter.elts[0]))
        for statement in node.body:
            self.visit(statement)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        owner = self.type_of(node.value)
        if owner is not None and node.attr in owner.model_fields:
            self.found.add((owner, node.attr))
        if owner is not None and node.attr == "model_dump":
            self.found.update((owner, name) for name in owner.model_fields)

    def read_by_name(self, function: ast.FunctionDef) -> None:
        """``getattr(section, key)`` reads the fields that the function names as texts."""
        texts = {n.value for n in ast.walk(function) if isinstance(n, ast.Constant)}
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "getattr":
                owner = self.type_of(call.args[0])
                if owner is not None:
                    self.found.update((owner, t) for t in texts & set(owner.model_fields))

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, its_value in zip(target.elts, value.elts, strict=True):
                self.assign(one, its_value)
        elif isinstance(target, ast.Name):
            self.know(target.id, self.type_of(value))

    def know(self, name: str, section: type[Section] | None) -> None:
        self.names.pop(name, None)
        if section is not None:
            self.names[name] = section

    def type_of(self, node: ast.expr) -> type[Section] | None:
        if isinstance(node, ast.Name):
            return UserConfig if node.id == "config" else self.names.get(node.id)
        if isinstance(node, ast.BoolOp):
            return next(filter(None, map(self.type_of, node.values)), None)
        if isinstance(node, ast.IfExp):
            return self.type_of(node.body) or self.type_of(node.orelse)
        if not isinstance(node, ast.Attribute):
            return None
        owner = self.type_of(node.value)
        if owner is not None and node.attr in owner.model_fields:
            return section_of(owner.model_fields[node.attr].annotation)
        return UserConfig if owner is None and node.attr == "config" else None


@pytest.fixture(scope="module")
def reads() -> set[tuple[type[Section], str]]:
    visitor = Reads()
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if "config" in text and "compiler" not in file.parts:  # for speed: these read no key
            visitor.visit(ast.parse(text))
    return visitor.found


@pytest.mark.parametrize(("key", "section", "name"), FIELDS, ids=[key for key, *_ in FIELDS])
def test_every_key_has_an_effect(
    reads: set[tuple[type[Section], str]], key: str, section: type[Section], name: str
) -> None:
    """To mend it: read the key where it belongs, or move it to WITHOUT_MEANING with the reason."""
    assert (section, name) in reads or refuses_all_but_one(section, name), key


def test_the_check_can_fail(reads: set[tuple[type[Section], str]]) -> None:
    """A read of another object with an attribute of the same name is none."""
    visitor = Reads()
    visitor.visit(
        ast.parse(
            "def f(x, section: 'DatasetSection'):\n"
            "    x.name, x.seed\n"
            "    y = section if x else None\n"
            "    return y.validation_split\n"
        )
    )
    assert {name for _, name in visitor.found} == {"validation_split"}
    assert len(reads) > 100


def test_no_key_of_the_table_is_in_the_schema() -> None:
    assert not (KEYS | set(OFF_ONLY)) & {key for key, *_ in FIELDS}


@pytest.mark.parametrize("value", ["1 n", "[a, '${NOT_SET}']", "True"])
@pytest.mark.parametrize("mode", ["prediction", "chain_eqeb", "chain_qd"])
def test_keys_without_meaning_take_anything_and_are_named(
    tmp_path: Path, mode: str, value: str
) -> None:
    """All of them at once, each in one of the modes that read its section."""
    file = tmp_path / "user_config.yaml"
    file.write_text(render_template(), encoding="utf-8")
    board = ["benchmarking.board=b", "deployment.hardware_setup.board=b"]
    wish = [f"operation_mode={mode}", "general.model_path=m.h5", "prediction.test_files_path=x"]
    loaded = load_config(file, [*board, *wish, *(f"{key}={value}" for key in sorted(KEYS))], {})
    [line] = loaded.warnings
    start = "user_config.yaml: ignored, since these keys have no meaning in tinydet: "
    assert line.startswith(start)
    named = set(line.removeprefix(start).partition(" (")[0].split(", "))
    others = {"prediction": {"prediction"}, "chain_eqeb": {"evaluation", "tools"}}
    read = others.get(mode, {"deployment", "tools", "quantization"})
    assert named <= KEYS
    assert {key for key in KEYS if key.partition(".")[0] in read} <= named


def test_what_cannot_be_left_off_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "user_config.yaml"
    file.write_text(render_template(), encoding="utf-8")
    assert load_config(file, [f"{key}=False" for key in OFF_ONLY], {}).warnings == []
    with pytest.raises(ConfigError) as caught:
        load_config(file, [f"{key}=0.5" for key in OFF_ONLY], {})
    assert len(caught.value.findings) == len(OFF_ONLY)


@pytest.mark.parametrize(
    ("mode", "override", "ignored"),
    [
        ("training", "quantization.quantizer=Onnx_quantizer", True),
        ("chain_tqe", "quantization.quantizer=Onnx_quantizer", False),
        ("chain_tqe", "deployment.hardware_setup=[1]", True),
        ("prediction", "training.epochs=many", True),
        ("quantization", "training.epochs=many", True),
        ("evaluation", "data_augmentation.sharpness=1", True),
        ("training", "data_augmentation.sharpness=1", False),
        ("evaluation", "training.model.alpha=0.4", True),
        ("evaluation", "mlflow={url: x}", True),
        ("training", "tools=no", True),
    ],
)
def test_what_the_mode_does_not_need_stops_no_run(
    tmp_path: Path, mode: str, override: str, ignored: bool
) -> None:
    file = tmp_path / "user_config.yaml"
    file.write_text(render_template(), encoding="utf-8")
    wish = [f"operation_mode={mode}", override, "prediction.test_files_path=x"]
    wish += [] if mode in ("training", "chain_tqe") else ["general.model_path=m.keras"]
    if not ignored:
        with pytest.raises(ConfigError, match="is not supported"):
            load_config(file, wish, {})
        return
    [line] = load_config(file, wish, {}).warnings
    key = override.partition("=")[0]
    assert line.startswith("user_config.yaml: ignored, since operation_mode does not need them:")
    assert key in line


def test_defaults_agree_with_those_of_python() -> None:
    """What is left out means the same in a file and in a call of the stage itself."""
    from tinydet.config.detector_spec import PostprocessSpec, PreprocessSpec
    from tinydet.config.schema.basics import (
        PostprocessingSection,
        RescalingSection,
        ResizingSection,
    )
    from tinydet.config.schema.stages import EvaluationSection, QuantizationSection
    from tinydet.config.schema.training import TrainingSection
    from tinydet.evaluation import EvaluationSettings
    from tinydet.quantization.options import QuantizationOptions
    from tinydet.training.options import TrainingOptions

    pairs = [
        (PostprocessingSection(), PostprocessSpec()),
        (RescalingSection(), PreprocessSpec()),
        (ResizingSection(), PreprocessSpec()),
        (EvaluationSection(), EvaluationSettings()),
        (QuantizationSection(), QuantizationOptions()),
        (TrainingSection(), TrainingOptions(epochs=100)),
    ]
    compared = 0
    for section, options in pairs:
        for name in type(section).model_fields:
            ours, theirs = getattr(section, name), getattr(options, name, None)
            if theirs is not None and isinstance(ours, (int, float, str)):
                assert ours == theirs, (type(section).__name__, name)
                compared += 1
    assert compared > 20
