"""The command line, run in the process of the tests."""

import pytest

from tinydet import cli


def tinydet(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Run a command in this process; exit status, standard output, standard error."""
    try:
        status = cli.main([str(word) for word in words])
    except SystemExit as stop:
        status = int(stop.code or 0)
    return status, *capsys.readouterr()


def run(*words: object) -> None:
    """Run a command in this process; its errors are raised."""
    cli.execute(cli.parse([str(word) for word in words]))
