"""What the documentation says can be followed: links lead somewhere, commands parse."""

import ast
import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

import tinydet
from tinydet import cli

ROOT = Path(__file__).parents[2]
PATTERNS = ("*.md", "docs/**/*.md", "docs/**/*.ipynb", "examples/**/*.md")
DOCUMENTS = sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern))
FENCE = re.compile(r"^```([\w{}-]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def blocks(text: str, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(text) if language in languages]


def text_of(document: Path) -> str:
    """The text; of a notebook its cells, with code in fences."""
    text = document.read_text(encoding="utf-8")
    if document.suffix != ".ipynb":
        return text
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]
    return "\n\n".join(
        f"```python\n{source}\n```" if kind == "code" else source for kind, source in cells
    )


def anchor(heading: str) -> str:
    """The name GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower())
    return kept.replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {anchor(h) for h in re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    """Every relative link names a file that exists, and a heading in it."""
    text = text_of(document)
    for link in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), f"{document.name}: {link}"
        if heading:
            assert heading in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_parse(document: Path) -> None:
    """A line that begins with ``tinydet`` in a shell block is a command of today."""
    text = text_of(document)
    for block in blocks(text, "", "sh", "bash", "shell", "console"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            words = words[1:] if words and "=" in words[0] else words  # NAME=value tinydet ...
            if words[:1] == ["tinydet"] and not {"-h", "--help", "--version"} & set(words):
                assert cli.parse(words[1:]).command, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_examples_name_what_exists(document: Path) -> None:
    """Python blocks are Python; what they import of the package, or take from it, is there."""
    for block in blocks(text_of(document), "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinydet"):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, name.name) for name in node.names)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id != "tinydet" or node.attr in tinydet.__all__, node.attr


def test_make_targets_exist() -> None:
    """The make commands of the documentation are targets of the Makefile."""
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for document in DOCUMENTS:
        text = text_of(document)
        for block in blocks(text, "", "sh", "bash", "shell"):
            named = {w for w in re.findall(r"^make ([a-z]+)", block, re.MULTILINE)}
            assert named <= targets, document.name
