"""A small detector as a program for this machine and for Arm, and a board that is this machine."""

import platform
import shutil
import sys
from types import SimpleNamespace

import pytest

from tests.compiler.small_detector import small_compiled
from tests.targets.linux.ssh_server import BoardServer, ClientFiles
from tinydet.targets import HostTarget
from tinydet.targets.linux import build_program, linux_board

NATIVE = {"x86_64": "linux-x86_64", "AMD64": "linux-x86_64", "aarch64": "linux-aarch64"}


@pytest.fixture(scope="session")
def small_model():
    """The generated C of a random detector of 32 x 48 pixels and two classes."""
    return small_compiled(where="small.tflite")


@pytest.fixture(scope="session")
def pc_program(small_model, tmp_path_factory):
    """It as a library of this machine: what the boards are compared with."""
    return HostTarget().build(small_model, tmp_path_factory.mktemp("pc"))


@pytest.fixture(scope="session")
def native_board():
    """The board that this machine could be."""
    if sys.platform != "linux" or platform.machine() not in NATIVE:
        pytest.skip("programs for Linux run on Linux")
    return linux_board(NATIVE[platform.machine()])


@pytest.fixture(scope="session")
def native(small_model, native_board, tmp_path_factory):
    """The small detector as a program of this machine."""
    return build_program(small_model, native_board, tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="session")
def client_files(tmp_path_factory):
    """Keys and configuration of an SSH client."""
    if shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        pytest.skip("there is no OpenSSH client")
    return ClientFiles(tmp_path_factory.mktemp("ssh"))


@pytest.fixture(scope="session")
def server(client_files, tmp_path_factory):
    """An SSH server that plays a board."""
    running = BoardServer(client_files, tmp_path_factory.mktemp("board"))
    yield running
    running.stop()


@pytest.fixture
def board(server, client_files):
    """The server as a new board whose key is known: its address and its empty home folder."""
    server.renew()
    client_files.set_known_host(server.port)
    return SimpleNamespace(server=server, host=client_files.host(server.port), home=server.home)
