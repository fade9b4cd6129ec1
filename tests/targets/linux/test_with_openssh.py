"""The same with OpenSSH's own server, where it is installed."""

import shutil
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.targets.linux.pictures import write_pictures
from tests.targets.linux.ssh_server import free_port
from tinydet.targets.linux import (
    RemoteError,
    Source,
    SshHost,
    compare_with_pc,
    deploy_linux,
)
from tinydet.targets.linux.deploy import run_program
from tinydet.targets.linux.install import install

pytestmark = pytest.mark.device

PATIENCE_S = 120  # only a hang takes longer
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")


@pytest.fixture
def open_board(client_files, tmp_path):
    """``sshd`` of this user on a high port; commands start in the user's real home folder."""
    if SSHD is None:
        pytest.skip("there is no sshd")
    port, keys = free_port(), client_files.folder
    config = tmp_path / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys / 'host_key'}\n"
        f"AuthorizedKeysFile {keys / 'user_key.pub'}\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\n"
    )
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=subprocess.DEVNULL)
    client_files.set_known_host(port)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    host = SshHost(f"{user}@127.0.0.1", port, keys / "user_key", keys / "config")
    end = time.monotonic() + PATIENCE_S
    while subprocess.run(["ssh", *host.ssh_options(), host.address, "true"]).returncode:
        assert time.monotonic() < end, "sshd does not answer"
        time.sleep(0.1)
    yield SimpleNamespace(host=host, home=tmp_path / "board")
    process.terminate()
    process.wait()


def test_deployed_with_the_boxes_of_this_machine(
    small_model, pc_program, native_board, open_board, tmp_path
):
    paths = tuple(write_pictures(tmp_path, 20))
    deployed = deploy_linux(
        small_model,
        native_board,
        open_board.host,
        build_folder=tmp_path / "build",
        folder_on_board=str(open_board.home),
        source=Source(images=paths),
    )
    comparison = compare_with_pc(pc_program, paths, deployed.results)
    assert comparison.num_same == 20


def test_what_is_there_is_not_copied_again(open_board):
    path = Path(open_board.home) / "small"
    content = bytes(4_000_000)
    assert not install(open_board.host, content, path)
    assert install(open_board.host, content, path)
    assert path.read_bytes() == content


def test_a_stopped_camera_ends_on_the_board_too(open_board):
    """After the client's end the program cannot write any more."""
    open_board.home.mkdir()
    program = open_board.home / "small"
    program.write_text(
        f"#!/bin/sh\necho $$ > {open_board.home}/pid\nwhile echo '{{}}'; do sleep 0.1; done\n"
    )
    program.chmod(0o755)
    records = run_program(open_board.host, str(program), Source(camera="/dev/video0"))
    assert next(records) == {}
    with pytest.raises(KeyboardInterrupt):
        records.throw(KeyboardInterrupt)
    pid = (open_board.home / "pid").read_text().strip()
    end = time.monotonic() + PATIENCE_S
    while not subprocess.run(["kill", "-0", pid], capture_output=True).returncode:
        assert time.monotonic() < end, "the program still runs"
        time.sleep(0.1)


def test_an_unknown_host_key_is_refused(open_board, client_files):
    client_files.set_known_host(None)
    with pytest.raises(RemoteError, match="its host key is not known"):
        list(run_program(open_board.host, "x", Source(camera="/dev/video0")))
