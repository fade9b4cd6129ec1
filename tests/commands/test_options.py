"""The law of effect: in every context an option changes what is done, or is refused by name.

What the commands ask the library for is recorded instead of done. A case is a command line and
the contexts that it is in; every option of the command is added to it in turn.
"""

import inspect
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest
from PIL import Image

from tests.command_line import tinydet
from tests.compiler.small_detector import small_detector, small_spec
from tinydet.cli.parser import COMMANDS
from tinydet.commands.options import CONTEXTS, Command
from tinydet.config.detector_spec import DETECTOR_FILE
from tinydet.config.loader import resolved_yaml
from tinydet.config.template import render_template
from tinydet.data.generate import generate_dataset

SAMPLES = {
    "count": "7",
    "number": "0.37",
    "integer": "7",
    "bytes": "3M",
    "size": "224x192",
    "names": "ball,box",
    "path": "elsewhere",
    "text": "other",
}
# Where a sample must be something that exists, or that the configuration takes.
SPECIAL = {
    ("train", "--alpha"): "0.5",
    ("footprint", "--alpha"): "0.5",
    ("footprint", "--config"): "user_config.yaml",
    ("tune", "--config"): "user_config.yaml",
    ("tune", "--space"): "space.yaml",
    ("train", "--pretrained"): "None",
    ("evaluate", "--split"): "train",
    ("data check", "--split"): "train",
    ("data pack", "--split"): "train",
    ("data pack", "--side"): "97",
    ("data view", "--split"): "train",
    ("data view", "--model"): "m.tflite",
    ("benchmark", "--board"): "STM32F746G-DISCO",
    ("benchmark", "--identity"): "m.keras",
    ("benchmark", "--optimize"): "ram",
    ("deploy", "--identity"): "m.keras",
    ("deploy", "--optimize"): "ram",
    ("deploy", "--image"): "photo.png",
    ("quantize", "--data"): "data",
    ("deploy", "--images"): "photo.png",
}
BOARD, LINUX = ("--board", "STM32H747I-DISCO"), ("--board", "STM32MP157F-DK2")
HOST, PLANNED = ("--host", "me@box"), {"boxes", "unlimited"}
MADE, TFLITE = {"c", *PLANNED}, ("--runtime", "tflite")
CASES = [
    (["run", "--config", "user_config.yaml"], set()),
    (["train", "data"], set()),
    (["tune", "--config", "user_config.yaml"], set()),
    (["quantize", "m.keras", "--images", "data"], set()),
    (["quantize", "m.keras", "--images", "data", "--type", "QAT"], {"qat"}),
    (["quantize", "m.keras", "--images", "data", "--data", "data"], {"measured"}),
    (["quantize", "bare/m.tflite", "--images", "data", "--classes", "box"], {"undescribed"}),
    (["evaluate", "m.tflite", "--data", "data"], {"tflite"}),
    (["evaluate", "m.keras", "--data", "data"], set()),
    (
        ["evaluate", "bare/m.tflite", "--data", "data", "--classes", "box"],
        {"tflite", "undescribed"},
    ),
    (["predict", "m.tflite", "photo.png"], set()),
    (["predict", "m.tflite", "film.mp4"], {"frames"}),
    (["predict", "bare/m.tflite", "photo.png", "--classes", "box"], {"undescribed"}),
    (["compile", "m.tflite"], {"cortex-m", *PLANNED}),
    (["compile", "m.tflite", "--raw-outputs"], {"cortex-m", "unlimited"}),
    (["compile", "m.tflite", "--target", "host"], PLANNED),
    (["compile", "m.tflite", "--ram-limit", "1M"], {"boxes", "cortex-m"}),
    (["compile", "bare/m.tflite", "--classes", "box"], {"cortex-m", "undescribed", *PLANNED}),
    (["footprint", "m.tflite"], {"counted", *PLANNED}),
    (["footprint", "m.tflite", "--raw-outputs"], {"counted", "unlimited"}),
    (
        ["footprint", "bare/m.tflite", "--class-names", "box"],
        {"counted", "undescribed", *PLANNED},
    ),
    (["footprint"], {"untrained", *PLANNED}),
    (["benchmark", "m.tflite"], {"core", "counted", *PLANNED}),
    (["benchmark", "m.tflite", "--raw-outputs"], {"core", "counted", "unlimited"}),
    (["benchmark", "m.tflite", *BOARD], {"firmware", "counted", *PLANNED}),
    (["benchmark", "m.tflite", *BOARD, "--via", "gdb://h:1"], {"firmware", "gdb", *PLANNED}),
    (["benchmark", "m.tflite", *LINUX, *HOST], {"on-linux", "linux", *PLANNED}),
    (
        ["benchmark", "bare/m.tflite", "--classes", "box"],
        {"core", "counted", "undescribed", *PLANNED},
    ),
    (["deploy", "m.tflite", "--target", "web"], MADE),
    (
        ["deploy", "bare/m.tflite", "--target", "web", "--classes", "box"],
        {"undescribed", *MADE},
    ),
    (["deploy", "m.tflite", *BOARD], {"firmware", *MADE}),
    (["deploy", "m.tflite", *LINUX], {"on-linux", *MADE}),
    (["deploy", "m.tflite", *LINUX, *HOST], {"on-linux", "linux", "imageless", *MADE}),
    (
        ["deploy", "m.tflite", *LINUX, *HOST, "--images", "photo.png"],
        {"on-linux", "linux", *MADE},
    ),
    (
        ["deploy", "m.tflite", *LINUX, *HOST, "--camera", "/dev/video0"],
        {"on-linux", "linux", "imageless", "camera", *MADE},
    ),
    (["deploy", "m.tflite", *LINUX, *TFLITE], {"on-linux", "boxes"}),
    (["deploy", "m.tflite", *LINUX, *TFLITE, *HOST], {"on-linux", "linux", "boxes"}),
    (
        ["deploy", "m.tflite", *LINUX, *TFLITE, *HOST, "--images", "photo.png"],
        {"on-linux", "linux", "delegated", "boxes"},
    ),
    (["data", "check", "data"], set()),
    (["data", "generate", "new"], set()),
    (["data", "label", "elsewhere", "--model", "m.tflite"], set()),
    (
        ["data", "label", "elsewhere", "--model", "bare/m.tflite", "--classes", "box"],
        {"undescribed"},
    ),
    (["data", "view", "data"], set()),
    (["data", "pack", "data", "new.zip"], set()),
    (["demo"], set()),
]
# Tested where they need more than one command: they allow something, or leave a choice.
ELSEWHERE = {
    ("init", "--output"),
    ("init", "--force"),
    ("run", "--config"),
    ("run", "--resume"),
    ("quantize", "--images"),
    ("evaluate", "--data"),
    ("tune", "--config"),
    ("data label", "--model"),
}
# Parameters for objects that a command line cannot name.
ONLY_IN_PYTHON = {
    "evaluate": {"settings", "model_path", "data_path", "run_folder", "on_scored"},
    "run": {"run_folder"},
}


RECORD: list[object] = []  # of what is done before the last thing that the library is asked for


WITHOUT: dict[str, tuple[str, str]] = {}  # outcome of a line without another option


class Asked(Exception):  # noqa: N818 - it is the end of a test, no error
    """What the library was asked for."""


class FakeDetector:
    """A compiled detector that remembers what it was made of."""

    def __init__(self, *what: object) -> None:
        self.what = [*what]
        self.name, self.sources, self.macs, self.arena_bytes = "detector", {}, {}, 0
        self.where, self.spec = "m.tflite", None

    def save(self, folder: Path) -> None:
        self.what.append(folder)

    def __repr__(self) -> str:
        return repr(self.what)


def _shown(value: object) -> object:
    return resolved_yaml(value) if type(value).__name__ == "UserConfig" else value


def asked(*positions: int):
    """Raises ``Asked`` with the arguments of a call, less those at some positions."""

    def ask(*values: object, **named: object) -> None:
        kept = [_shown(value) for index, value in enumerate(values) if index not in positions]
        raise Asked(repr((RECORD, kept, named)))

    return ask


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library, recorded where the commands enter it."""
    monkeypatch.setattr("tinydet.pipeline.execute", asked())
    monkeypatch.setattr("tinydet.search.search", asked())
    monkeypatch.setattr("tinydet.pipeline.quantization.quantize_configured", quantize)
    monkeypatch.setattr("tinydet.data.check.check_dataset", asked())
    monkeypatch.setattr("tinydet.data.generate.generate_dataset", asked())
    monkeypatch.setattr("tinydet.commands.demo.train_with", asked())
    monkeypatch.setattr("tinydet.evaluation.evaluate", asked())
    monkeypatch.setattr("tinydet.prediction.predict", asked())
    monkeypatch.setattr("tinydet.prediction.labels.label_images", asked())
    monkeypatch.setattr("tinydet.workbench.view", view)
    monkeypatch.setattr("tinydet.data.pack.pack_dataset", asked())
    monkeypatch.setattr("tinydet.compiler.compile_detector", compile_detector)
    monkeypatch.setattr("tinydet.compiler.compile_network", FakeDetector)
    monkeypatch.setattr("tinydet.deployment.raw_network.with_self_test", lambda network: network)
    monkeypatch.setattr("tinydet.pipeline.network.untrained_int8", untrained_int8)
    loaded = lambda path, spec, **options: FakeLoaded(path, spec, options)  # noqa: E731
    monkeypatch.setattr("tinydet.inference.load_detector", loaded)
    monkeypatch.setattr("tinydet.deployment.compiling.compiled_detector", FakeLoaded)
    monkeypatch.setattr("tinydet.deployment.compiling.build", asked())
    monkeypatch.setattr("tinydet.deployment.compiling.footprint_of", asked(2))
    monkeypatch.setattr("tinydet.deployment.deploy.deploy_firmware", asked())
    monkeypatch.setattr("tinydet.deployment.deploy.deploy_linux", asked())
    monkeypatch.setattr("tinydet.targets.web.write_web_folder", asked())
    monkeypatch.setattr("tinydet.deployment.tflite.deploy_tflite", asked())
    for name in ("count_on_core", "time_via_gdb", "time_on_linux"):
        monkeypatch.setattr(f"tinydet.deployment.benchmark.{name}", asked())


class FakeLoaded:
    """A loaded detector that remembers what it was made of."""

    def __init__(self, path: Path, spec: object, *how: object) -> None:
        self.spec, self.what = spec, (path, spec, how)

    def __repr__(self) -> str:
        return repr(self.what)


def quantize(config: object, path: Path, spec: object, folders: tuple[Path, Path], *_, **named):
    RECORD.append((_shown(config), path, spec, folders[0], named))
    folders[0].mkdir(exist_ok=True)
    (folders[0] / "q.tflite").touch()
    return folders[0] / "q.tflite"


def untrained_int8(config: object, names: tuple[str, ...], _: Path) -> Path:
    RECORD.append((_shown(config), names))
    return Path("m.tflite")


def view(*what: object, on_ready: object, **named: object) -> None:
    pages: list[str] = []
    with patch("webbrowser.open", pages.append):
        on_ready("http://127.0.0.1:1/", "")
    raise Asked(repr((what, named, pages)))


def compile_detector(path: Path, options: object, *, spec: object) -> FakeDetector:
    return FakeDetector(path, options, spec)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with whatever the cases name."""
    folder = tmp_path_factory.mktemp("place")
    generate_dataset(folder / "data", images=8, seed=1)
    (folder / "elsewhere").mkdir()
    spec = small_spec().model_copy(update={"class_names": ("ball", "box", "star", "bottle")})
    for name in ("", "bare"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "m.tflite").write_bytes(small_detector())
    (folder / "m.keras").write_bytes(b"never opened")
    spec.save(folder / DETECTOR_FILE)
    Image.new("RGB", (8, 6)).save(folder / "photo.png")
    (folder / "film.mp4").write_bytes(b"never opened")
    (folder / "user_config.yaml").write_text(render_template("data", ["ball", "box"]))
    (folder / "space.yaml").write_text("training.model.alpha: [0.35, 0.5]\n")
    return folder


def command_of(words: list[str]) -> Command:
    """The command of a command line."""
    return next(c for c in COMMANDS if " ".join(words).startswith(c.name))


def sample(command: Command, option: object) -> list[str]:
    """The option with a value that is not its default."""
    if option.kind == "flag":
        return [option.word]
    others = [c for c in option.choices if c != (option.default or option.default_text)]
    value = SPECIAL.get((command.name, option.word)) or (others or [SAMPLES[option.kind]])[-1]
    return [option.word, value]


def outcome(capsys: pytest.CaptureFixture[str], words: list[str]) -> tuple[str, str]:
    """What the library was asked for, or what the user is told."""
    RECORD.clear()
    try:
        status, _, err = tinydet(capsys, *words)
    except Asked as what:
        capsys.readouterr()
        return str(what), ""
    return ("", err) if status else (repr(RECORD), "")


ALL = [
    pytest.param(words, contexts, option, id=f"{' '.join(words)} {option.word}")
    for words, contexts in CASES
    for option in command_of(words).options
    if option.word.startswith("-") and option.word not in words
]


@pytest.mark.parametrize(("words", "contexts", "option"), ALL)
def test_every_option_counts_or_is_refused(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    place: Path,
    words: list[str],
    contexts: set[str],
    option: object,
) -> None:
    monkeypatch.chdir(place)
    command = command_of(words)
    told, err = outcome(capsys, [*words, *sample(command, option)])
    if option.group and not told:
        assert option.word in err
        return
    if option.only and not contexts & set(option.only):
        assert err.count("\n") == 1
        assert f"{option.word}: applies only to {CONTEXTS[option.only[0]]}" in err
        return
    if any(f"{word}: applies only to" in err for word in words):
        return  # the two do not go together
    if str(words) not in WITHOUT:
        WITHOUT[str(words)] = outcome(capsys, words)
    before, complaint = WITHOUT[str(words)]
    assert (complaint, err) == ("", "")
    assert told != before


def test_the_table_is_the_signature() -> None:
    """Every option is a parameter with the same default, and every parameter an option."""
    for command in COMMANDS:
        module, _, name = command.function.partition(":")
        parameters = inspect.signature(getattr(import_module(module), name)).parameters
        options = {option.name: option for option in command.options}
        others = ONLY_IN_PYTHON.get(command.name, set()) | (
            {"overrides"} if command.overrides else set()
        )
        assert set(parameters) - others == set(options), command.name
        for name, option in options.items():
            default = parameters[name].default
            if default not in (None, inspect.Parameter.empty, ()) and option.kind != "flag":
                assert option.default == default, (command.name, option.word)
            if option.default is not None and default not in (None, inspect.Parameter.empty):
                assert option.default == default, (command.name, option.word)


def test_every_option_is_tried_where_it_counts() -> None:
    """A new option, or a new context, needs a case."""
    counted = {
        (command_of(words).name, option.word)
        for words, contexts in CASES
        for option in command_of(words).options
        if option.word in words or not option.only or contexts & set(option.only)
    }
    known = {(c.name, o.word) for c in COMMANDS for o in c.options if o.word.startswith("-")}
    assert known - counted - ELSEWHERE == set()
    used = {context for c in COMMANDS for o in c.options for context in o.only}
    assert used == set(CONTEXTS)


def test_python_callers_are_refused_as_well(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tinydet as package
    from tinydet.errors import OptionError, UnsupportedError

    monkeypatch.chdir(place)
    with pytest.raises(OptionError, match="--external: applies only to microcontroller boards"):
        package.deploy("m.tflite", board="STM32MP157F-DK2", external=("flash",))
    with pytest.raises(OptionError, match="--clock-mhz"):
        package.benchmark("m.tflite", clock_mhz=100.0)
    with pytest.raises(UnsupportedError, match=r"--target: 'cortex-m8'.*Did you mean"):
        package.compile("m.tflite", target="cortex-m8")
