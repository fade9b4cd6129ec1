"""What is said while something works: nothing, progress, or everything."""

import io
import os
import re
import shlex
import sys
import time
from pathlib import Path

import pytest

from tests.command_line import tinydet
from tinydet import cli, progress
from tinydet.cli.examples import EXAMPLES
from tinydet.cli.parser import COMMANDS
from tinydet.data.generate import generate_dataset
from tinydet.errors import TinydetError
from tinydet.native_log import captured_native_log
from tinydet.notes import is_quiet, is_verbose, set_verbosity


@pytest.fixture(autouse=True)
def normal_again():
    yield
    set_verbosity("normal")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every moment is time for another line."""
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)


class Terminal(io.StringIO):
    """A terminal in place of standard error."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_two_examples_that_are_its_own(command) -> None:
    lines = EXAMPLES[command.name]
    assert len(set(lines)) == 2
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "tinydet"
        assert cli.parse(words).command is command


def test_there_is_no_example_without_a_command() -> None:
    assert set(EXAMPLES) == {command.name for command in COMMANDS}


def test_examples_are_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = tinydet(capsys, "compile", "--help")
    assert "examples:\n" + "".join(f"  {line}\n" for line in EXAMPLES["compile"]) in out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_quiet_or_verbose_but_not_both(command, capsys) -> None:
    words = shlex.split(EXAMPLES[command.name][0])[1:]
    assert cli.parse([*words, "--quiet"]).verbosity == "quiet"
    assert cli.parse([*words, "--verbose"]).verbosity == "verbose"
    assert cli.parse(words).verbosity is None
    with pytest.raises(SystemExit):
        cli.parse([*words, "--quiet", "--verbose"])
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.usefixtures("hurried")
def test_progress_says_how_far_it_is_unless_quiet(capsys) -> None:
    assert list(progress.track("ab", "letters")) == ["a", "b"]
    assert capsys.readouterr().err.startswith("letters: 1/2, ")
    set_verbosity("quiet")
    assert list(progress.track("ab", "letters")) == ["a", "b"]
    with progress.work("all", ("one", 1)), progress.stage("one"):
        pass
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("hurried")
def test_a_bar_over_stages_goes_by_their_shares(capsys) -> None:
    """Stages that are left out count as done when a later one begins; others count nothing."""
    with progress.work("all", ("one", 1), ("two", 2), ("three", 1), ("four", 4)):
        with progress.stage("one"):
            pass
        with progress.stage("unknown"):
            pass
        with progress.stage("three"):
            pass
        with progress.work("inner", ("four", 1)), progress.stage("four"):
            pass
    shares = re.findall(r"^(all.*) \((\d+)%, ", capsys.readouterr().err, re.MULTILINE)
    said = [(text, int(share)) for text, share in shares]
    assert said == [
        ("all: one", 0),
        ("all", 12),
        ("all: unknown", 12),
        ("all", 12),
        ("all: three", 38),
        ("all", 50),
        ("all: four", 50),
        ("all", 100),
    ]


@pytest.mark.usefixtures("hurried")
def test_the_time_left_is_what_the_share_done_took(capsys, monkeypatch) -> None:
    clock = iter([0.0, 0.0, 0.0, 10.0, 10.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with progress.work("all", ("one", 1), ("two", 3)), progress.stage("one"):
        pass
    assert "all (25%, 30 s left)" in capsys.readouterr().err


@pytest.mark.parametrize("no_color", [None, "1"])
def test_a_terminal_has_one_bar_and_colours_unless_no_color(monkeypatch, no_color) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    with progress.work("all", ("one", 1)), progress.stage("one"):
        assert list(progress.track("ab", "letters")) == ["a", "b"]
    text = terminal.getvalue()
    assert "all: one" in text
    assert "letters" in text
    assert bool(re.search(r"\x1b\[(3\d|38;[\d;]*|1;3\d)m", text)) is (no_color is None)


def test_verbose_tells_times_and_where_an_error_arose(capsys, monkeypatch) -> None:
    def fail() -> None:
        with progress.stage("the work"):
            pass
        raise TinydetError("it is wrong. Mend it.")

    monkeypatch.setattr("tinydet.commands.doctor.doctor", fail)
    status, out, err = tinydet(capsys, "doctor", "--verbose")
    assert (status, out) == (2, "")
    assert re.match(r"the work: \d+\.\d s\nTraceback", err)
    assert err.endswith("\ntinydet: it is wrong. Mend it.\n")
    assert is_verbose()
    assert tinydet(capsys, "doctor") == (2, "", "tinydet: it is wrong. Mend it.\n")
    assert not is_verbose()


def test_verbose_shows_what_libraries_say(capfd) -> None:
    for verbosity, shown in (("normal", ""), ("verbose", "from a library\n")):
        set_verbosity(verbosity)
        with captured_native_log() as log:
            os.write(2, b"from a library\n")
            assert log() == "from a library\n"
        assert capfd.readouterr().err == shown


def test_quiet_changes_what_is_said_not_what_is_done(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    generate_dataset(tmp_path / "data", images=8, seed=1)
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    status, out, err = tinydet(capsys, "data", "check", "data")
    assert err
    assert tinydet(capsys, "data", "check", "data", "--quiet") == (status, out, "")
    assert is_quiet()


# ------------------------------------------------------------------------------------------ open


@pytest.mark.parametrize("display", [True, False])
def test_open_shows_the_report_or_says_where_it_is(capsys, tmp_path, monkeypatch, display) -> None:
    asked: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("webbrowser.open", lambda address: not asked.append(address))
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", ":0")
    (tmp_path / "demo" / "run").mkdir(parents=True)
    report = tmp_path / "demo" / "run" / "report.html"
    report.touch()
    shown = Path("demo", "run", "report.html")
    note = "" if display else " (found no browser here: open it in any)"
    for given in ("demo", "demo/run", report):
        assert tinydet(capsys, "open", given) == (0, f"Report: {shown}{note}\n", "")
    assert asked == [report.as_uri()] * (3 if display else 0)


def test_a_folder_without_a_report_is_told(capsys, tmp_path) -> None:
    status, out, err = tinydet(capsys, "open", tmp_path)
    assert (status, out) == (2, "")
    assert "contains no report. Give the folder of a run" in err


# ------------------------------------------------------------------------------------ completion


def test_the_shell_completes_commands_and_options() -> None:
    argcomplete = pytest.importorskip("argcomplete")
    from tinydet.cli import build_parser

    finder = argcomplete.CompletionFinder(build_parser())

    def endings(line: str) -> set[str]:
        words = line.split(" ")
        return {w.strip() for w in finder._get_completions(words[:-1], words[-1], "", None)}

    assert {"compile", "open"} <= endings("tinydet ")
    assert "--ram-limit" in endings("tinydet compile --r")
    cores = {"cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85"}
    assert endings("tinydet compile --target cortex-m") == cores
