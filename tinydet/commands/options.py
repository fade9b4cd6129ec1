"""What a command takes: one table for the parser, the reference, the refusals and the tests."""

from collections.abc import Iterable
from dataclasses import dataclass

from tinydet.errors import OptionError, UnsupportedError, near_name

# Where an option can count that does not count everywhere: context -> what it is called.
CONTEXTS = {
    "undescribed": "models without a detector.json",
    "boxes": "detectors, without --raw-outputs",
    "counted": "a model on an emulated core",
    "unlimited": "compilations without --ram-limit",
    "tflite": ".tflite models",
    "frames": "videos and cameras",
    "qat": "--type QAT",
    "measured": "quantization with --data",
    "untrained": "networks before training, without a model",
    "core": "an emulated core, without --board",
    "cortex-m": "Cortex-M targets",
    "firmware": "microcontroller boards (--board)",
    "gdb": "microcontroller boards (--board) with --via",
    "on-linux": "Linux boards (--board)",
    "linux": "Linux boards with --host",
    "c": "detectors in C, without --runtime tflite",
    "delegated": "Linux boards with --host, --runtime tflite and images",
    "imageless": "Linux boards with --host, without images or --runtime tflite",
    "camera": "Linux boards with --camera",
}
NOT_GIVEN: tuple[object, ...] = (None, (), [], False)


@dataclass(frozen=True)
class Option:
    """One word of a command line, and the parameter of the function that it fills.

    Attributes:
        word: ``--option``, or the name of a positional argument.
        help: What it does, in a few words.
        kind: How its text is read; a key of ``tinydet.cli.words.KINDS``.
        parameter: Of the function; empty: the word, with underscores.
        default: What the function takes where it is left out, for the help; None: nothing.
        default_text: The default in words, where the value does not say it.
        choices: The values it can have.
        metavar: What stands for the value in the help.
        many: It takes one or more values.
        required: It must be given.
        group: Of the options of a group, exactly one must be given.
        only: Contexts in which it counts; empty: in all. Elsewhere it is refused.
    """

    word: str
    help: str
    kind: str = "text"
    parameter: str = ""
    default: object = None
    default_text: str = ""
    choices: tuple[str, ...] = ()
    metavar: str = ""
    many: bool = False
    required: bool = False
    group: str = ""
    only: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The parameter of the function."""
        return self.parameter or self.word.lstrip("-").replace("-", "_")

    @property
    def help_with_default(self) -> str:
        """The help, with the default at its end."""
        default = self.default_text or (str(self.default) if self.default is not None else "")
        return f"{self.help} (default: {default})" if default else self.help


@dataclass(frozen=True)
class Command:
    """One command: its words and its function.

    Attributes:
        name: As it is typed, ``data check`` for a command below another.
        help: What it does, one clause.
        function: ``module:name`` of what it calls.
        options: What it takes, in the order of the help.
        overrides: It takes words ``key.sub=value`` for the configuration.
        words_for: Positional argument that gets the words between the options.
    """

    name: str
    help: str
    function: str
    options: tuple[Option, ...] = ()
    overrides: bool = False
    words_for: str = ""

    def check(self, contexts: Iterable[str], **given: object) -> None:
        """Refuse what would change nothing, and values that an option cannot have.

        Args:
            contexts: The contexts that hold for this call.
            given: Value of each parameter; None, empty or False where it was not given.

        Raises:
            OptionError: An option applies only to other contexts.
            UnsupportedError: A value is none of the choices.
        """
        options = {option.name: option for option in self.options}
        holding = set(contexts)
        for name, value in given.items():
            option = options[name]
            if any(value is nothing or value == nothing for nothing in NOT_GIVEN):
                continue
            if option.only and not holding.intersection(option.only):
                raise OptionError(option.word, [CONTEXTS[context] for context in option.only])
            for each in value if isinstance(value, (list, tuple)) else [value]:
                if option.choices and each not in option.choices:
                    listed, near = ", ".join(option.choices), near_name(str(each), option.choices)
                    remedy = f"Choose one of these.{near}"
                    raise UnsupportedError(option.word, repr(each), listed, remedy)


def output_option(default: str, what: str = "output folder") -> Option:
    """``--output``, which every command with files has."""
    return Option("--output", what, "path", default=default)


def choice(
    word: str, what: str, *choices: str, parameter: str = "", only: tuple[str, ...] = ()
) -> Option:
    """An option with some values, the default first.

    Where it does not count everywhere, the function takes None for the default.
    """
    default, text = (None, choices[0]) if only else (choices[0], "")
    return Option(
        word,
        what,
        parameter=parameter,
        default=default,
        default_text=text,
        choices=choices,
        only=only,
    )
