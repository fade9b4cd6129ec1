"""Processes that follow this one know their place, and end with it."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tinydet.launch import followers

PROGRAM = """
import os, pathlib, sys, time
path = pathlib.Path(sys.argv[1], os.environ["TF_CONFIG"])
path.with_suffix(".part").write_text(str(os.getpid()))
path.with_suffix(".part").rename(path)
time.sleep(600)
"""


@pytest.mark.parametrize("before", [None, "of another job"])
def test_followers_are_told_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    """Also where the work fails; the environment of this process is as it was."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if before is not None:
        monkeypatch.setenv("TF_CONFIG", before)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    seen = []

    def environment_of(addresses: tuple[str, ...], index: int) -> str:
        seen.append(addresses)
        return f"process_{index}"

    files = [tmp_path / f"process_{index}" for index in (1, 2)]
    with suppress(KeyboardInterrupt), followers(command, 3, environment_of):
        assert os.environ["TF_CONFIG"] == "process_0"
        while not all(file.exists() for file in files):
            time.sleep(0.02)
        raise KeyboardInterrupt
    assert os.environ.get("TF_CONFIG") == before
    for file in files:
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.read_text()), 0)
    assert len(set(seen[0])) == 3
    assert set(seen) == {seen[0]}
