"""What a release and its CI are made from agree with each other."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


def test_one_version_everywhere() -> None:
    assert read_yaml("CITATION.cff")["version"] == PROJECT["version"]
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## \[(.+?)\]", changes, re.MULTILINE).group(1) == PROJECT["version"]


def test_every_python_that_is_promised_is_tried() -> None:
    """The classifiers, the least version and the matrix of CI name the same Pythons."""
    promised = [c.split()[-1] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)]
    matrix = read_yaml(".github/workflows/ci.yml")["jobs"]["installed"]["strategy"]["matrix"]
    assert matrix["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"
    assert {os.split("-")[0] for os in matrix["os"]} == {"ubuntu", "macos", "windows"}


@pytest.mark.parametrize(
    ("schema", "pattern", "count"),
    [
        ("vendor.github-workflows", ".github/workflows/*.yml", 2),
        ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml", 3),
        ("vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml", 1),
        ("vendor.dependabot", ".github/dependabot.yml", 1),
        ("vendor.citation-file-format", "CITATION.cff", 1),
    ],
)
def test_files_for_others_are_as_they_must_be(schema: str, pattern: str, count: int) -> None:
    """The forge's and the citation's own schemas accept them."""
    checker = pytest.importorskip("check_jsonschema", reason="pip install 'tinydet[dev]'")
    paths = [str(path) for path in sorted(ROOT.glob(pattern))]
    assert len(paths) == count
    with pytest.raises(SystemExit) as ended:
        checker.main(["--builtin-schema", schema, *paths])
    assert ended.value.code == 0


def test_every_dependency_has_a_known_good_version() -> None:
    """``make lock`` writes constraints.txt again."""
    locked = {
        re.match(r"[\w.-]+", line).group(0).lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    }
    extras = PROJECT["optional-dependencies"].values()
    wanted = [*PROJECT["dependencies"], *(each for extra in extras for each in extra)]
    names = {re.match(r"[\w.-]+", each).group(0).lower() for each in wanted} - {"tinydet"}
    assert names - locked == set()


def test_every_licence_file_is_there_and_named() -> None:
    for path in PROJECT["license-files"]:
        assert (ROOT / path).is_file()
    assert "LICENSE.stb_image" in (ROOT / "NOTICE").read_text("utf-8")
