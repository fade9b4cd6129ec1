"""The parser of all commands, built from what each command says that it takes."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from tinydet.cli.examples import EXAMPLES
from tinydet.cli.words import KINDS
from tinydet.commands.options import Command, Option

if TYPE_CHECKING:
    Parsers = argparse._SubParsersAction["Parser"]

EXIT_USER_ERROR = 2
OVERRIDES_HELP = "Arguments of the form key.sub=value override the configuration."
VERBOSITY = {
    "quiet": "no progress: only warnings, errors and the result",
    "verbose": "also the time of each stage, messages of libraries, tracebacks of errors",
}
GROUPS = {"data": "check, generate, label, view or pack a data set"}
# Files of commands, and of one with several which of them; in the order of the help.
HOMES = (
    *("init", "run", "train", "tune", "quantize", "evaluate", "predict", "compile", "footprint"),
    *("benchmark", "deploy", "data.CHECK", "data.GENERATE", "data.LABEL", "data_view"),
    *("data.PACK", "report", "open", "demo", "doctor"),
)


def _command_of(home: str) -> Command:
    file, _, name = home.partition(".")
    command: Command = getattr(import_module(f"tinydet.commands.{file}"), name or "COMMAND")
    return command


COMMANDS = tuple(map(_command_of, HOMES))


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        """End the process with exit status 2."""
        self.exit(EXIT_USER_ERROR, f"{self.prog}: {message}. See '{self.prog} --help'.\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; ``key=value`` words may stand anywhere among the options.

    Args:
        arguments: Without the program name.

    Returns:
        ``command``, ``json``, ``verbosity`` (None: normal), and ``given``: parameter of the
        function of the command -> value, of what was given.

    Raises:
        SystemExit: The words are wrong (status 2), or help was asked for (0).
    """
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:  # the shell asks how the line goes on, and gets its answer
        import_module("argcomplete").autocomplete(parser)
    parsed, rest = parser.parse_known_args(arguments)
    command: Command = parsed.command
    if command.words_for:  # further words of a list, after an option
        getattr(parsed, command.words_for).extend(w for w in rest if not w.startswith("-"))
        rest = [w for w in rest if w.startswith("-")]
    unknown = [w for w in rest if not command.overrides or w.startswith("-") or "=" not in w]
    if unknown:
        form = " (an override has the form key.sub=value)" if command.overrides else ""
        parsed.parser.error(f"unknown arguments: {' '.join(map(repr, unknown))}{form}")
    given = {option.name: getattr(parsed, option.name) for option in command.options}
    parsed.given = {name: value for name, value in given.items() if value is not None}
    if command.overrides:
        parsed.given["overrides"] = rest
    return parsed


def build_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(
        prog="tinydet",
        description="SSD MobileNetV2 FPN-lite detectors for microcontrollers: train, quantize to "
        "int8, evaluate, predict, compile to C, deploy.",
        epilog="Start with 'tinydet init DATA', edit user_config.yaml, then run "
        "'tinydet run --config user_config.yaml'; or try everything with 'tinydet demo'.",
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    parser.add_argument(
        "--versions", action=_Versions, help="also those of Python and of the packages that matter"
    )
    parsers = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    below: dict[str, Parsers] = {}
    for command in COMMANDS:
        group, _, name = command.name.rpartition(" ")
        if group and group not in below:
            of_group = parsers.add_parser(group, help=GROUPS[group])
            below[group] = of_group.add_subparsers(
                metavar="ACTION", required=True, parser_class=Parser
            )
        _add_command(below[group] if group else parsers, name, command)
    return parser


def _add_command(parsers: "Parsers", name: str, command: Command) -> None:
    parser = parsers.add_parser(
        name, help=command.help, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    groups: dict[str, Any] = {"": parser}
    for option in command.options:
        if option.group not in groups:
            groups[option.group] = parser.add_mutually_exclusive_group(required=True)
        _add_option(groups[option.group], option)
    parser.add_argument("--json", action="store_true", help="print only the result, as JSON")
    said = parser.add_mutually_exclusive_group()
    for word, what in VERBOSITY.items():
        said.add_argument(
            f"--{word}", dest="verbosity", action="store_const", const=word, help=what
        )
    examples = "\n".join(["examples:", *(f"  {line}" for line in EXAMPLES[command.name])])
    parser.epilog = f"{examples}\n\n{OVERRIDES_HELP}" if command.overrides else examples
    parser.set_defaults(command=command, parser=parser)


def _add_option(parser: Any, option: Option) -> None:
    settings: dict[str, Any] = {"help": option.help_with_default, "default": None}
    if option.word == "--output" and option.default is not None:
        settings["default"] = KINDS[option.kind](str(option.default))
    if option.kind == "flag":
        parser.add_argument(
            option.word, dest=option.name, action="store_const", const=True, **settings
        )
        return
    settings["type"] = KINDS[option.kind]
    if option.choices:
        settings["choices"] = option.choices
    else:
        settings["metavar"] = option.metavar or option.word.lstrip("-").upper().replace("-", "_")
    if option.many:
        settings["nargs"] = "+"
    if option.word.startswith("-"):
        parser.add_argument(option.word, dest=option.name, required=option.required, **settings)
        return
    settings["metavar"] = option.word
    if not option.required:
        settings["nargs"] = "?"
    parser.add_argument(option.name, **settings)


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002 - argparse's name
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(self.text())
        parser.exit()

    def text(self) -> str:
        from importlib.metadata import version

        return f"tinydet {version('tinydet')}\n"


class _Versions(_Version):
    def text(self) -> str:
        from tinydet.versions import package_versions

        found = package_versions().items()
        return "".join(f"{name} {version or 'not installed'}\n" for name, version in found)
