"""The generated tables of the documentation are those of the code."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tinydet.config.schema import UserConfig
from tinydet.config.schema.values import Section
from tinydet.data.augment.configuration import FUNCTION_ARGUMENTS

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = DOCS / "make_configuration_reference.py"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["configuration.md", "augmentation.md"])
def test_tables_are_not_stale(name: str) -> None:
    """To mend it: python docs/make_configuration_reference.py."""
    assert (DOCS / name).read_text(encoding="utf-8") == load_script().rendered(name)


def test_every_key_of_a_used_section_is_documented() -> None:
    """No key is left out, and every one says what it means."""
    script = load_script()
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    for name, field in UserConfig.model_fields.items():
        section = script.section_of(field.annotation)
        if section is None:
            continue
        assert issubclass(section, Section)
        for key, taken, _, meaning in script.rows(section, f"{name}."):
            assert f"| `{key}` |" in text
            assert taken != "anything"
            assert len(meaning) > 5, key


def test_every_augmentation_function_is_documented() -> None:
    text = (DOCS / "augmentation.md").read_text(encoding="utf-8")
    for name in FUNCTION_ARGUMENTS:
        [line] = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        assert len(line.split("|")[2].strip()) > 5
