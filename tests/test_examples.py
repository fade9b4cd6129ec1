"""The examples are built and run as their README says."""

import ast
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.compiler.small_detector import small_detector, small_spec
from tests.targets.web.pages import Page, random_images, small_files
from tinydet import cli
from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.inference import detect, load_detector
from tinydet.targets.web import write_web_folder

EXAMPLES = Path(__file__).parents[1] / "examples"
READMES = sorted(EXAMPLES.rglob("README.md"))
MAX_C_LINES = 39
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "quantized_model.tflite"
    path.write_bytes(small_detector())
    small_spec(score_threshold=0.8).save(path.with_name(DETECTOR_FILE))
    return path


@pytest.fixture(scope="module")
def image():
    return list(random_images(8, seed=1))[-1]


@pytest.fixture(scope="module")
def found(model_path, image):
    """What the reference kernels and NumPy find."""
    detector = load_detector(model_path, engine="litert-ref")
    return detect(detector, image, detector.spec.postprocess)


# ---- C ----


@pytest.fixture(scope="module")
def c_program(model_path, tmp_path_factory):
    """The C example as ``make`` builds it, with the C compiler of the ziglang package."""
    if shutil.which("make") is None:
        pytest.skip("no make on PATH")
    folder = tmp_path_factory.mktemp("example") / "c_minimal"
    shutil.copytree(EXAMPLES / "c_minimal", folder)
    python = shlex.quote(sys.executable)
    settings = {
        "CC": f"{python} -m ziglang cc",
        "CFLAGS": "-O1 -Wall -Wextra -Wconversion -Werror",
        "MODEL": str(model_path),
        "TINYDET": f"{python} -c 'from tinydet.cli import main; main()'",
    }
    assignments = [f"{name}={value}" for name, value in settings.items()]
    root = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(
        ["make", *assignments], cwd=folder, env=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "find"


def write_ppm(path, image):
    height, width, _ = image.shape
    path.write_bytes(f"P6\n{width} {height}\n255\n".encode() + image.tobytes())
    return path


def test_c_example_finds_what_python_finds(c_program, image, found, tmp_path):
    """Line by line, to the last digit that is printed."""
    path = write_ppm(tmp_path / "image.ppm", image)
    printed = subprocess.run([c_program, path], capture_output=True, encoding="utf-8", check=True)
    height, width, _ = image.shape
    names = small_spec().class_names
    expected = []
    for box, score, class_id in zip(found.boxes, found.scores, found.class_ids, strict=True):
        sides = zip(box.tolist(), (width, height, width, height), strict=True)
        corners = (side * size for side, size in sides)
        expected.append(f"{names[class_id]} {score:.3f}: " + " ".join(f"{c:.1f}" for c in corners))
    assert printed.stdout.splitlines() == expected
    assert len(expected) > 3


def test_c_example_takes_an_image_of_pillow(c_program, image, tmp_path):
    Image.fromarray(image).save(tmp_path / "image.ppm")
    done = subprocess.run([c_program, tmp_path / "image.ppm"], capture_output=True, check=True)
    assert done.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot open the image"),
        (b"\x89PNG\r\n", "the image has another format"),
        (b"P6\n4 4\n65535\n" + bytes(96), "the image has another format"),
        (b"P6\n-4 4\n255\n" + bytes(48), "the image has another format"),
        (b"P6\n99999 1\n255\n" + bytes(300000), "the image has another format"),
        (b"P6\n4 4\n255\n" + bytes(47), "the image is truncated"),
    ],
    ids=["missing", "PNG", "16 bits", "negative", "too wide", "cut off"],
)
def test_c_example_refuses_what_is_no_image(c_program, tmp_path, content, message):
    path = tmp_path / "image.ppm"
    if content is not None:
        path.write_bytes(content)
    done = subprocess.run([c_program, path], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"find: {message} (give ")
    assert done.stdout == ""


def test_c_example_is_short():
    assert len((EXAMPLES / "c_minimal" / "main.c").read_text().splitlines()) <= MAX_C_LINES


# ---- Python ----


def test_python_example_prints_what_is_found(model_path, image, tmp_path):
    path = tmp_path / "image.png"
    Image.fromarray(image).save(path)
    script = EXAMPLES / "python_minimal" / "find.py"
    printed = subprocess.run(
        [sys.executable, script, model_path, path],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    detector = load_detector(model_path)
    expected = detect(detector, image, detector.spec.postprocess)
    records = expected.to_records(detector.spec.class_names)
    lines = [f"{record['class_name']} {record['score']} {record['box']}" for record in records]
    assert printed.stdout.splitlines() == lines
    assert len(lines) > 3


# ---- web ----


def test_web_example_counts_what_the_detector_posts(tmp_path):
    """Its script under a page of two elements: messages of its frame change the text, others do
    not."""
    from py_mini_racer import MiniRacer

    page = Page(EXAMPLES / "web" / "index.html")
    engine = MiniRacer()
    engine.eval(
        "const frame = {contentWindow: {}}, counts = {textContent: ''}; let hear;"
        "const document = {getElementById: (id) => ({detector: frame, counts}[id])};"
        "const addEventListener = (kind, listener) => { if (kind === 'message') hear = listener; };"
    )
    engine.eval("{" + page.scripts[0] + "}")
    record = {"file": "a.png", "detections": [{"class_name": n} for n in ("cat", "dog", "cat")]}
    post = f"hear({{source: frame.contentWindow, data: {{tinydet: {json.dumps(record)}}}}})"
    assert engine.eval(f"{post}; counts.textContent") == "a.png: 2 \u00d7 cat, 1 \u00d7 dog"
    engine.eval("hear({source: {}, data: {tinydet: {file: 'b', detections: []}}})")
    engine.eval("hear({source: frame.contentWindow, data: 'something else'})")
    assert engine.eval("counts.textContent").startswith("a.png")
    # The frame is where the README's code puts the detector.
    source = next(attributes["src"] for tag, attributes in page.elements if tag == "iframe")
    folder = write_web_folder(small_files(), tmp_path / Path(source).parent)
    assert folder.page == tmp_path / source
    readme = (EXAMPLES / "web" / "README.md").read_text(encoding="utf-8")
    assert f'Path("{Path(source).parent}")' in readme


@pytest.mark.device
def test_web_example_in_a_browser(image, tmp_path):
    """An image dropped on the detector's frame is counted by the page around it."""
    from tests.targets.web.chromium import BROWSER, Chromium

    if BROWSER is None or os.name == "nt":
        pytest.skip("no chromium on PATH")
    shutil.copy(EXAMPLES / "web" / "index.html", tmp_path)
    write_web_folder(small_files(), tmp_path / "detector")
    Image.fromarray(image).save(tmp_path / "image.png")
    with Chromium(tmp_path / "profile") as browser:
        browser.open(tmp_path / "index.html")
        for _ in range(50):
            browser.drop(tmp_path / "image.png", x=300, y=250)
            time.sleep(0.2)  # it computes in a worker, and forgets what a newer image replaces
            if "image.png" in (said := browser.run("document.getElementById('counts').value")):
                break
        assert '\u00d7 class "' in said
        assert browser.problems == []


# ---- what is written about them ----


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_readmes_can_be_followed(readme):
    """Links lead somewhere, commands parse, Python names what exists."""
    text = readme.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s#]+)[^)]*\)", FENCE.sub("", text)):
        assert (readme.parent / link).exists(), link
    for language, block in FENCE.findall(text):
        if language == "python":
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tinydet"):
                    module = importlib.import_module(str(node.module))
                    assert all(hasattr(module, name.name) for name in node.names)
        for line in block.splitlines():
            if line.startswith("tinydet "):
                assert cli.parse(shlex.split(line)[1:]).command


def test_all_examples_are_listed():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert folders == set(re.findall(r"^\| \[(\w+)\]", text, re.MULTILINE))
