"""Programs, built once, and GDB servers that know nothing of this project."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.targets.gdb_remote import programs

SERVER = Path(__file__).with_name("unicorn_server.py")
START_S = 300.0


@pytest.fixture(scope="session")
def elf(tmp_path_factory):
    """``elf(case, *options, flash=0)``: path of a build of ``program.c``."""
    built = {}

    def build(case="PASS", *options, flash=0):
        key = (case, options, flash)
        if key not in built:
            folder = tmp_path_factory.mktemp("program")
            built[key] = programs.build_program(folder, case, *options, flash=flash)
        return built[key]

    return build


@contextlib.contextmanager
def running(command, folder):
    """A server process that gets a free port; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.format(port=port) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for_listener(process, port, log)
        yield port
    finally:
        process.kill()
        process.wait()


def wait_for_listener(process, port, log):
    """Until the port is taken. Not by connecting: the servers take the first connection only."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            return
        time.sleep(0.05)
    raise AssertionError(f"the server did not start: {log.read_text()}")


@pytest.fixture
def emulated_board(tmp_path):
    """Port of a Cortex-M7 in Unicorn behind udbserver."""
    pytest.importorskip("udbserver")
    with running([sys.executable, str(SERVER), "{port}"], tmp_path) as port:
        yield port


@pytest.fixture(params=["semihosting on", "semihosting off"])
def qemu_board(tmp_path, request):
    """Port of QEMU's own stub in front of a Cortex-M7, waiting at its reset."""
    qemu = shutil.which("qemu-system-arm")
    if qemu is None:
        pytest.skip("qemu-system-arm is not installed")
    command = [qemu, "-M", "mps2-an500", "-nographic", "-S", "-gdb", "tcp:127.0.0.1:{port}"]
    if request.param == "semihosting on":
        command += ["-semihosting-config", "enable=on,target=native"]
    with running(command, tmp_path) as port:
        yield port
