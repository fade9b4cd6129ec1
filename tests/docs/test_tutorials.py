"""Tutorials can be followed to the end: in order, on the data and the run of the first one."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import run
from tests.docs.conftest import NOTEBOOK

pytestmark = pytest.mark.slow

# A block, what stands right before it, and the file that the text says to save it as.
BLOCK = re.compile(r"(<!-- not run: [^>]+ -->\n)?^```(sh|yaml)\n(.*?)^```", re.M | re.S)
SAVED_AS = re.compile(r"Save this as `([\w.]+)`")
TUTORIALS = sorted(NOTEBOOK.parent.glob("*.md"))


def test_notebook_shows_something_for_every_result(first_run: tuple[Path, list[Any]]) -> None:
    """Its cells run in order; what they end with is a picture or has HTML."""
    shown = [value for value in first_run[1] if value is not None]
    assert len(shown) >= 6
    assert all(hasattr(v, "_repr_html_") or hasattr(v, "_repr_png_") for v in shown)


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_commands_run(
    tutorial: Path, first_run: tuple[Path, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command that is not marked "not run", in order; the others parse (test_links)."""
    folder, _ = first_run
    monkeypatch.chdir(folder)
    text = tutorial.read_text(encoding="utf-8")
    names = iter(SAVED_AS.findall(text))
    for not_run, language, body in BLOCK.findall(text):
        if language == "yaml":
            (folder / next(names)).write_text(body, encoding="utf-8")
        elif not not_run:
            for line in body.splitlines():
                follow(shlex.split(line, comments=True))


def follow(words: list[str]) -> None:
    """One line of a shell block; programs that are not ours are not tried."""
    match words:
        case ["tinydet", "data", "generate", *_]:
            return  # the notebook has made a smaller set
        case ["tinydet", *rest]:
            run(*rest)
        case ["mkdir", "-p", folder]:
            Path(folder).mkdir(parents=True, exist_ok=True)
        case ["cp", source, target]:
            shutil.copy(source, target)
