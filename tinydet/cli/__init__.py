# PYTHON_ARGCOMPLETE_OK
"""The command line: parse, call the function of the command, print its result; no logic."""

import argparse
import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from importlib import import_module

from tinydet.cli.parser import EXIT_USER_ERROR, build_parser, parse
from tinydet.errors import TinydetError, readable
from tinydet.notes import Verbosity, is_verbose, set_verbosity

__all__ = ["build_parser", "execute", "main", "parse"]

EXIT_INTERRUPTED = 130
MOST_SHOWN = 4000  # characters of one line of a message
# What the system refuses for reasons that the user can correct: space, permission.
REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the program name; None takes those of the process.

    Returns:
        Exit status: 0, 2 for an error that the user can correct, 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments and "_ARGCOMPLETE" not in os.environ:
        build_parser().print_help(sys.stderr)
        return EXIT_USER_ERROR
    try:
        parsed = parse(arguments)
        _prepare_terminal(parsed.verbosity or "normal")
        status = execute(parsed)
        sys.stdout.flush()
    except TinydetError as error:
        if is_verbose():
            traceback.print_exc()
        return _complain(str(error))
    except KeyboardInterrupt as stop:
        with suppress(ValueError):  # not in the main thread
            # Threads may still finish their step: a second Ctrl-C ends the process at once.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        _complain(str(stop.args[0]) if stop.args else "stopped.")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe went away, as in `tinydet ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        remedy = "Give yourself the right to read or write it, or choose another path."
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "Free some space, or choose another output folder."
        return _complain(f"{error.filename or 'a file'}: {error.strerror}. {remedy}")
    return status


def execute(parsed: argparse.Namespace) -> int:
    """Call the function of a command and print its result; with --json nothing but that."""
    module, _, name = parsed.command.function.partition(":")
    function = getattr(import_module(module), name)
    if parsed.json:
        with redirect_stdout(sys.stderr):  # what a run says while it works
            result = function(**parsed.given)
        text = result.to_json()
    else:
        result = function(**parsed.given)
        text = str(result)
    if text:
        print(text)  # noqa: T201 - the edge to the user
    status: int = result.exit_status
    return status


def _prepare_terminal(verbosity: Verbosity) -> None:
    """Print any name on any terminal, and no warning of a library that the user cannot change."""
    set_verbosity(verbosity)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # replaced by a notebook or a test
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if not sys.warnoptions and not is_verbose():
        warnings.simplefilter("ignore")


def _complain(text: str) -> int:
    for line in text.splitlines():
        print(f"tinydet: {readable(line, MOST_SHOWN)}", file=sys.stderr)  # noqa: T201 - the edge to the user
    return EXIT_USER_ERROR
