"""The command line: its words, its errors in one line, its exit status."""

import errno
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import tinydet
from tinydet import cli
from tinydet.data.generate import generate_dataset
from tinydet.errors import ConfigError, TinydetError

REFERENCE = Path(__file__).parents[1] / "docs" / "make_cli_reference.py"
HELP = """\
usage: tinydet [-h] [--version] [--versions] COMMAND ...

SSD MobileNetV2 FPN-lite detectors for microcontrollers: train, quantize to int8, evaluate, predict,
compile to C, deploy.

positional arguments:
  COMMAND
    init      write a commented user_config.yaml
    run       execute the operation_mode of a configuration
    train     train a float model on a folder of labelled images
    tune      search for the configuration with the best AP, optionally under a RAM limit
    quantize  convert a float model to an int8 .tflite file
    evaluate  measure the AP of a .keras or .tflite model, or compare two
    predict   find objects in images, a video or a camera
    compile   translate an int8 .tflite file to plain C
    footprint
              show RAM, flash and suitable boards, of a model or before training
    benchmark
              count instructions and estimate the time per operator, or measure it on a board
    deploy    make a firmware project, a Linux program or a web page
    data      check, generate, label, view or pack a data set
    report    write the report.html of a run folder again
    open      open the report of a run in the browser
    demo      generate a data set, train, quantize, evaluate, predict, report
    doctor    show versions, backend and tools found

options:
  -h, --help  show this help message and exit
  --version   print the version and exit
  --versions  also those of Python and of the packages that matter

Start with 'tinydet init DATA', edit user_config.yaml, then run 'tinydet run --config
user_config.yaml'; or try everything with 'tinydet demo'.
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bilder ö") / "set"
    generate_dataset(folder, images=8, seed=1)
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A data set to spoil."""
    generate_dataset(tmp_path / "spoilt", images=8, seed=1)
    return tmp_path / "spoilt"


def first_label(folder: Path) -> Path:
    labels = sorted((folder / "labels" / "train").glob("*.txt"))
    return next(label for label in labels if label.read_text().strip())


def image_of(folder: Path, label: Path) -> Path:
    return next((folder / "images" / "train").glob(f"{label.stem}.*"))


# ----------------------------------------------------------------------------------------- words


def test_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "102")
    assert tinydet(capsys, "--help") == (0, HELP, "")


def test_no_word_at_all_shows_the_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "102")
    assert tinydet(capsys) == (2, "", HELP)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = tinydet(capsys, "--version")
    assert status == 0
    assert out.startswith("tinydet 0.")


def test_the_reference_is_not_stale() -> None:
    """To mend it: python docs/make_cli_reference.py."""
    spec = importlib.util.spec_from_file_location(REFERENCE.stem, REFERENCE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.CLI_FILE.read_text(encoding="utf-8") == module.rendered()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "a=1", "--config", "c.yaml", "b.c=[x, y]"], ["a=1", "b.c=[x, y]"]),
        (["run", "--config", "c.yaml", "a.b="], ["a.b="]),
        (["train", "data", "a.b=c=d", "--epochs", "3"], ["a.b=c=d"]),
    ],
)
def test_overrides_stand_anywhere(words: list[str], expected: list[str]) -> None:
    assert cli.parse(words).given["overrides"] == expected


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run"], "tinydet run: one of the arguments --config --resume is required"),
        (["run", "--config", "c", "foo"], "unknown arguments: 'foo' (an override has the form"),
        (["run", "--config", "c", ""], "unknown arguments: '' (an override has the form"),
        (["run", "--config", "c", "--bar=1"], "unknown arguments: '--bar=1'"),
        (["evaluate", "m.tflite"], "tinydet evaluate: the following arguments are required: --dat"),
        (["report", "a", "b=1"], "tinydet report: unknown arguments: 'b=1'. See"),
        (["train", "d", "--input", "big"], "'big' is neither a side nor HEIGHTxWIDTH"),
        (["train", "d", "--input", "1x2x3"], "'1x2x3' is neither"),
        (["data", "bake"], "invalid choice: 'bake'"),
        (["train", "d", "--epochs", "0"], "argument --epochs: '0' is not a positive integer"),
        (["quantize", "m", "--images", "d", "--max-images", "x"], "'x' is not a positive integer"),
        (["predict", "a.jpg", "--score", "nan"], "'nan' is not a number"),
        (["data", "generate", "x", "--seed", "0.5"], "'0.5' is not an integer"),
        (["compile", "m", "--ram-limit", "much"], "'much' is not a size such as 128K"),
    ],
)
def test_wrong_words_are_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    status, out, err = tinydet(capsys, *words)
    assert (status, out) == (2, "")
    assert complaint in err
    assert err.startswith("tinydet")
    assert err.endswith("--help'.\n")
    assert err.count("\n") == 1


# ---------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (TinydetError("it is wrong. Mend it."), 2, "tinydet: it is wrong. Mend it.\n"),
        (ConfigError(["a: one.", "b: two."]), 2, "tinydet: a: one.\ntinydet: b: two.\n"),
        (KeyboardInterrupt(), 130, "tinydet: stopped.\n"),
        (KeyboardInterrupt("stopped. Resume with: x"), 130, "tinydet: stopped. Resume with: x\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "run/x"),
            2,
            "tinydet: run/x: No space left on device. Free some space, "
            "or choose another output folder.\n",
        ),
    ],
)
def test_errors_and_exit_status(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    text: str,
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("tinydet.commands.doctor.doctor", fail)
    before = signal.getsignal(signal.SIGINT)
    try:
        assert tinydet(capsys, "doctor") == (status, "", text)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("error", [ValueError("bug"), OSError(errno.EIO, "bug")])
def test_our_own_bugs_keep_their_traceback(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("tinydet.commands.doctor.doctor", fail)
    with pytest.raises(type(error), match="bug"):
        cli.main(["doctor"])


def test_a_reader_that_goes_away_is_no_error(data: Path) -> None:
    """As in ``tinydet data check ... | head -0``."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "import sys; from tinydet.cli import main; sys.exit(main())"]
    with os.fdopen(write, "w") as pipe:
        done = subprocess.run(
            [*command, "data", "check", str(data)],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


# -------------------------------------------------------------------------------------- commands


def test_generate_check_and_init(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first three commands of a new user, in a folder with an unusual name."""
    folder = tmp_path / "neuer Ordner ß"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert tinydet(capsys, "data", "generate", "bilder ü", "--images", 8)[0] == 0
    status, out, err = tinydet(capsys, "data", "check", "bilder ü", "--output", "check")
    assert (status, err) == (0, "")
    assert out.startswith("YOLO: 8 images, ")
    assert (folder / "check" / "samples.png").is_file()
    assert tinydet(capsys, "init", "bilder ü") == (0, "Wrote user_config.yaml\n", "")
    text = (folder / "user_config.yaml").read_text(encoding="utf-8")
    assert 'training_path: "bilder ü"' in text
    assert "class_names: [ball, box, star, bottle]" in text
    status, _, err = tinydet(capsys, "init")
    assert (status, err) == (
        2,
        "tinydet: user_config.yaml: exists. Choose another --output, or add --force.\n",
    )
    assert tinydet(capsys, "init", "--force")[0] == 0


@pytest.mark.parametrize(
    ("overrides", "complaints"),
    [
        (["trainig.epochs=1"], ["Did you mean 'training'?"]),
        (["training.epohcs=1", "dataset.nmae=x"], ["'epochs'", "'name'"]),
        (["operation_mode=chain_tqx"], ["'chain_tqx' is not supported (supported: training, "]),
        (["operation_mode=compression"], ["Choose a smaller alpha"]),
        (["operation_mode=chain_tqeb"], ["benchmarking.board: is missing"]),
        (["operation_mode=evaluation"], ["general.model_path: is missing"]),
        (
            ["operation_mode=evaluation", "general.model_path=nix.tflite", "dataset.test_path=no"],
            ["general.model_path: nix.tflite does not exist", "dataset.test_path: no does not"],
        ),
        (["dataset.training_path=nowhere"], ["dataset.training_path: nowhere does not exist"]),
        (["dataset.class_names=[ball, cat]"], ["has no class 'cat'"]),
    ],
)
def test_wrong_configurations_are_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    overrides: list[str],
    complaints: list[str],
) -> None:
    """One line for each finding, and no run folder that could be taken for a run."""
    monkeypatch.chdir(tmp_path)
    assert tinydet(capsys, "init", data)[0] == 0
    status, out, err = tinydet(
        capsys, "run", "--config", "user_config.yaml", "hydra.run.dir=run", *overrides
    )
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == len(complaints)
    for complaint in complaints:
        assert complaint in err
    assert not (tmp_path / "run" / "report.html").exists()


def test_an_empty_or_missing_file_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    for path, found in ((empty, "empty.yaml: is empty"), (tmp_path / "no.yaml", "does not exist")):
        status, _, err = tinydet(capsys, "run", "--config", path)
        assert status == 2
        assert f"{found}. " in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("9 0.5 0.5 0.1 0.1\n", "class"),
        ("0 nan 0.5 0.1 0.1\n", "a value is not finite"),
        ("0 0.5 0.5 0.1\n", "4 columns instead of 5"),
        ("\x00\x01binary", "is not text"),
    ],
    ids=["class id out of range", "NaN", "four columns", "binary"],
)
def test_bad_labels_are_one_line(
    capsys: pytest.CaptureFixture[str], copy: Path, line: str, found: str
) -> None:
    label = first_label(copy)
    label.write_text(line)
    status, _, err = tinydet(capsys, "data", "check", copy)
    assert status == 2
    assert str(label) in err
    assert found in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda image: image.write_text("hello"), "is not an image of a known format"),
        (lambda image: image.write_bytes(image.read_bytes()[:-900]), "is truncated"),
        (lambda image: image.write_bytes(b""), "is an empty file"),
    ],
    ids=["text", "truncated", "empty"],
)
def test_unreadable_images_are_listed(
    capsys: pytest.CaptureFixture[str], copy: Path, spoil: object, found: str
) -> None:
    image = image_of(copy, first_label(copy))
    spoil(image)  # type: ignore[operator]
    status, out, _ = tinydet(capsys, "data", "check", copy)
    assert status == 2
    assert f"\n      1  unreadable images\n         {image.relative_to(copy)}: {found}" in out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["data", "check", "nowhere"], "nowhere: does not exist"),
        (["data", "check", "leer"], "leer: has no image"),
        (["data", "check", "DATA", "--split", "test"], "has no part 'test'"),
        (["data", "check", "DATA", "--classes", "bal"], "Did you mean 'ball'?"),
        (["data", "check", "DATA", "--output", "file/x"], "file/x: cannot be written"),
        (["data", "generate", "file/x", "--images", "1"], "cannot be written"),
        (["data", "generate", "x", "--images", "0"], "images: 0 is not supported"),
        (["init", "--output", "file/x"], "file/x: cannot be written"),
        (["init", "nowhere"], "nowhere: does not exist"),
        (["report", "nowhere"], "nowhere: is not a folder"),
        (["report", "leer"], "leer: contains no result of a run"),
        (["run", "--resume", "leer"], "leer: contains no config.yaml, so it is not a run"),
        (["run", "--resume", "leer", "a=1"], "cannot be combined with changes (a=1)"),
        (["evaluate", "no.tflite", "--data", "DATA"], "no.tflite: there is no such file"),
        (["evaluate", "file", "--data", "DATA"], "file: a model file with suffix '' is not supp"),
        (["evaluate", "fake.tflite", "--data", "DATA"], "fake.tflite: is not a .tflite file"),
        (
            ["evaluate", "fake.tflite", "--data", "DATA", "--iou", "2"],
            "--iou: 2.0 is not supported",
        ),
        (
            ["predict", "fake.tflite", "DATA", "--classes", "a"],
            "fake.tflite: is not a .tflite file",
        ),
        (["predict", "no.keras", "DATA"], "no.keras: there is no such file"),
        (["quantize", "no.keras", "--images", "nowhere"], "nowhere: does not exist"),
        (["train", "nowhere"], "nowhere: does not exist"),
        (["train", "DATA", "--alpha", "0.4"], "supported: 0.35, 0.5, 0.75, 1.0"),
        (["train", "DATA", "--classes", "ball, cat"], "has no class 'cat'"),
        (["train", "DATA", "--output", "file/x"], "file/x: cannot be written"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leer").mkdir()
    (tmp_path / "file").write_text("a file, no folder")
    (tmp_path / "fake.tflite").write_text("a file, no model")
    status, out, err = tinydet(capsys, *(str(data) if word == "DATA" else word for word in words))
    assert (status, out) == (2, "")
    assert complaint in err
    assert err.startswith("tinydet: ")
    assert err.count("\n") == 1
