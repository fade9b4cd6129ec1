"""The written page: whole, offline, small, and safe whatever the classes are called."""

import json
import re
from pathlib import Path

import pytest

import tinydet.targets.web
from tests.targets.web.pages import (
    BROWSER_FUNCTIONS,
    SCORE_THRESHOLD,
    Page,
    in_javascript,
    small_files,
)
from tinydet.errors import MissingToolError, OutputError
from tinydet.targets import toolchain
from tinydet.targets.web import write_web_folder
from tinydet.targets.web.build import build_program, constant_bytes, packed, without_constants

PAGE_FOLDER = Path(tinydet.targets.web.__file__).parent / "page"
HOSTILE = ("</script><script>alert(1)</script>", '"><img src=x onerror=alert(2)>')
# A whole detector has about 4 KiB of code more than the small one, for the calls of its operators.
PAGE_LIMIT_BYTES = 60 * 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_web_folder(small_files(class_names=HOSTILE), tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="module")
def page(folder):
    return Page(folder.page)


def test_one_file_is_all(folder):
    assert [path.name for path in folder.page.parent.iterdir()] == ["index.html"]


def test_nothing_is_loaded_or_sent(page):
    """No element refers to another file, no script knows an address, and the browser is told to
    refuse whatever is tried all the same."""
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "srcset", "data", "poster"):
            assert attributes.get(name, "data:,").startswith("data:"), (tag, name)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import|sendBeacon)\b", page.code)
    policy = next(
        attributes["content"]
        for tag, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["worker-src"] == "blob:"  # made of the page's own text
    assert "connect-src" not in rules
    assert not any("http" in sources or "*" in sources for sources in rules.values())


def test_without_weights_the_page_is_small(folder):
    assert folder.page_bytes == folder.page.stat().st_size
    assert folder.bytes_without_weights <= PAGE_LIMIT_BYTES
    # What the rest is: the page's own text, and the code of both modules, compressed, in base64.
    page = Page(folder.page)
    text = sum(path.stat().st_size for path in PAGE_FOLDER.iterdir() if path.suffix != ".c")
    code = len(packed(without_constants(page.module))) + len(packed(page.relaxed))
    assert abs(folder.bytes_without_weights - code - text) < 2048
    assert len(page.module) - len(without_constants(page.module)) >= constant_bytes(page.module)


def test_names_of_classes_stay_text(page):
    """Markup in a name is shown, not executed."""
    assert page.card["class_names"] == list(HOSTILE)
    assert [tag for tag, _ in page.elements].count("script") == 5
    assert not any(attributes.get("src") == "x" for _, attributes in page.elements)


def test_the_card_is_what_was_compiled(page):
    assert page.card["score_threshold"] == SCORE_THRESHOLD
    assert page.card["lowest_score"] == 0.05
    assert page.card["colours"][0] == ["#e69f00", "#000"]  # as in drawn images
    for fact in ("small.tflite", "32 \u00d7 48 pixels", "170", "int8"):
        assert fact in page.text


def test_a_threshold_below_the_slider_is_where_the_slider_starts(tmp_path):
    page = Page(write_web_folder(small_files(score_threshold=0.01), tmp_path).page)
    assert page.card["lowest_score"] == page.card["score_threshold"] == 0.01
    slider = next(attributes for _, attributes in page.elements if attributes.get("id") == "score")
    assert slider["min"] == slider["value"] == "0.01"


def test_elements_that_the_script_asks_for_exist(page):
    """Every id of the script is in the page, once."""
    asked = set(re.findall(r'byId\("([^"]+)"\)', page.code))
    assert len(asked) > 10
    assert asked <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)


def test_controls_can_be_named_and_reached(page):
    """Buttons have words, the slider a label; nothing takes the keyboard's order."""
    buttons = re.findall(r"<button[^>]*>([^<]*)</button>", page.text)
    assert [text.strip() for text in buttons] == ["Start camera", "Choose image"]
    assert re.search(r'<label class="slider">Score\s+<input id="score" type="range"', page.text)
    assert not any("tabindex" in attributes for _, attributes in page.elements)
    assert ("html", {"lang": "en"}) in page.elements
    assert any(attributes.get("role") == "status" for _, attributes in page.elements)


def test_the_script_is_javascript(page):
    """Both scripts parse, in strict mode."""
    from py_mini_racer import MiniRacer

    assert page.code.strip().startswith('"use strict"')
    assert MiniRacer().eval(f"new Function({json.dumps(page.code)}); 1") == 1
    for name in ("detector.js", "page.js"):
        assert (PAGE_FOLDER / name).read_text(encoding="utf-8").strip() in page.code


def test_the_same_model_gives_the_same_page(tmp_path):
    first, second = (
        write_web_folder(small_files(), tmp_path / name).page.read_bytes() for name in "ab"
    )
    assert first == second


def test_another_threshold_changes_nothing_else():
    """The C with another score threshold differs in that one line."""
    files = small_files()
    other = files.with_score_threshold(0.05)
    assert other.spec.postprocess.score_threshold == 0.05
    lines = [text.sources["small.c"].splitlines() for text in (files, other)]
    differing = [pair for pair in zip(*lines, strict=True) if pair[0] != pair[1]]
    assert len(differing) == 1
    assert all("score_threshold_code" in line for line in differing[0])
    assert {k: v for k, v in files.sources.items() if k != "small.c"}.items() <= (
        other.sources.items()
    )


def test_sections_of_a_module_are_told_apart():
    """Sizes are variable-length numbers; only data sections count."""
    custom = b"\x00" + b"\xc8\x01" + bytes(200)
    data = b"\x0b" + b"\x81\x01" + bytes(129)
    assert constant_bytes(b"\0asm\1\0\0\0" + custom + data + b"\x0a\x03abc") == 129


def test_the_program_needs_nothing():
    """No imports, neither a C library nor functions of the page; and the module with relaxed SIMD
    only the memory: it knows of no stack there."""
    from py_mini_racer import MiniRacer

    program = build_program(small_files())
    engine = MiniRacer()
    engine.eval(BROWSER_FUNCTIONS)
    for name in ("module", "relaxed"):
        module = in_javascript(getattr(program, name))
        engine.eval(f"const {name} = new WebAssembly.Module({module})")
    names = "(kind, module) => WebAssembly.Module[kind](module).map((e) => e.name).sort().join()"
    assert engine.eval(f'({names})("imports", module)') == ""
    assert engine.eval(f'({names})("imports", relaxed)') == "memory"
    assert engine.eval(f'({names})("exports", relaxed)') == "sums"
    exports = engine.eval(f'({names})("exports", module)')
    assert set(exports.split(",")) == {
        "memory", "__indirect_function_table", "is_opaque", "scale", "detect", "found",
        "sums_of_module", "use_sums",
    }  # fmt: skip


def test_missing_compiler_says_what_to_install(tmp_path, monkeypatch):
    files = small_files()
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingToolError, match=r"ziglang.*pip install 'tinydet\[compile\]'"):
        write_web_folder(files, tmp_path / "web")
    assert not (tmp_path / "web" / "index.html").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "web").write_text("mine")
    with pytest.raises(OutputError, match="web: cannot be written"):
        write_web_folder(small_files(), tmp_path / "web")
    assert (tmp_path / "web").read_text() == "mine"
