"""What threads take from each other, under GCC's thread sanitizer."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tinydet.targets.linux.kernel_sets import PROGRAM
from tinydet.targets.toolchain import LANGUAGE

ROUNDS = 20000


@pytest.fixture(scope="module")
def rounds(tmp_path_factory):
    """``thread_rounds.c`` on ``threads.c``; the sanitizer ends it at the first race."""
    program = tmp_path_factory.mktemp("threads") / "rounds"
    sources = [Path(__file__).with_name("thread_rounds.c"), PROGRAM / "threads.c"]
    options = [*LANGUAGE, "-D_GNU_SOURCE", f"-I{PROGRAM}", "-O1", "-g", "-fsanitize=thread"]
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    command = ["gcc", *options, *map(str, sources), "-pthread", "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True)
    if "cannot find" in built.stderr:
        pytest.skip("gcc has no thread sanitizer")
    assert built.returncode == 0, built.stderr
    return program


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_each_item_is_done_once_and_seen_by_who_handed_it_out(rounds, threads):
    """With as many threads as processors and with more; whether the helpers sleep or wait awake."""
    # Its shadow memory does not fit into every random layout of the address space.
    command = ["setarch", platform.machine(), "-R", str(rounds), str(threads), str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{threads} threads, {ROUNDS} rounds\n"), done
