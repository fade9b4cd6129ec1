"""``import tinydet`` is quick, loads no framework, and gives each function by its name."""

import importlib.resources
import pkgutil
import subprocess
import sys

import pytest

import tinydet
from tinydet.commands import train
from tinydet.config.schema.training import SIZES

HEAVY = (
    "tensorflow",
    "keras",
    "cv2",
    "matplotlib",
    "PIL",
    "ai_edge_litert",
    "pycocotools",
    "torch",
)
IMPORT = "import tinydet"
HELP = """
import contextlib, tinydet.cli
with contextlib.suppress(SystemExit):
    tinydet.cli.main(["--help"])
"""
COMMANDS = "import tinydet.cli\ntinydet.cli.build_parser()"


def python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout


def loaded(code: str) -> set[str]:
    """Names of the modules that are there once the code has run."""
    told = python(f"{code}\nimport sys\nprint('LOADED', *sys.modules)")
    return set(told.split("LOADED")[1].split())


@pytest.mark.parametrize("code", [IMPORT, HELP, COMMANDS], ids=["import", "help", "parser"])
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert loaded(code) & set(HEAVY) == set()


@pytest.mark.parametrize("code", [IMPORT, HELP], ids=["import", "help"])
def test_it_is_quick(code: str) -> None:
    """Whatever the machine: beside the package nothing but the standard library is loaded."""
    before, after = loaded("pass"), loaded(code)
    packages = {name.split(".")[0] for name in after - before}
    assert packages - set(sys.stdlib_module_names) == {"tinydet"}


def test_what_commands_repeat_for_that_is_the_same() -> None:
    assert tuple(SIZES) == train.SIZES


@pytest.mark.parametrize("name", tinydet.__all__)
def test_every_name_is_typed_and_documented(name: str) -> None:
    """The lazy table and the imports for type checkers name the same things."""
    source = importlib.resources.files("tinydet").joinpath("__init__.py").read_text()
    home = tinydet._HOMES[name]
    assert f"    from {home} import {name} as {name}\n" in source
    assert f"``{name}" in str(tinydet.__doc__)


def test_no_sub_package_hides_a_function() -> None:
    """A module called ``train`` would take the place of the function once it is imported."""
    modules = {module.name for module in pkgutil.iter_modules(tinydet.__path__)}
    assert modules & set(tinydet.__all__) == set()


def test_functions_stay_functions_when_their_packages_are_loaded() -> None:
    code = (
        "import tinydet, tinydet.evaluation, tinydet.prediction, tinydet.pipeline\n"
        "from tinydet import evaluate, predict, run, resume, TinydetError\n"
        "print(all(map(callable, [evaluate, predict, run, tinydet.resume, TinydetError])))"
    )
    assert python(code).strip() == "True"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        tinydet.tarin  # noqa: B018


def test_dir_lists_the_names() -> None:
    assert set(tinydet.__all__) <= set(dir(tinydet))
