"""The connection: who gets in, who is refused with which words, what comes through."""

import shutil
import socket
import subprocess
import time

import pytest

from tinydet.errors import MissingToolError, UnsupportedError
from tinydet.targets.linux import RemoteError, SshHost, ssh
from tinydet.targets.linux.ssh import Answer, run_on, stream_from
from tinydet.targets.linux.ssh_host import connection_error

CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Host key verification failed."""


def test_status_output_and_complaint_come_back(board):
    answer = run_on(board.host, "echo out; echo err >&2; exit 7")
    assert answer == Answer(7, "out\n", "err")


def test_every_byte_goes_through(board):
    content = bytes(range(256)) * 4096
    assert run_on(board.host, "cat > sent; wc -c < sent", content=content).status == 0
    assert (board.home / "sent").read_bytes() == content


def test_scripts_with_quotes_reach_the_shell_as_they_are(board):
    script = """x='a  b'; echo "$x" "it's" "$HOME" '$x'"""
    assert run_on(board.host, script).output == f"a  b it's {board.home} $x\n"


def test_lines_come_while_input_is_sent(board):
    """The second piece is made only when the line about the first has been read."""
    read = []

    def pieces():
        yield b"one\n"
        while not read:
            time.sleep(0.01)
        yield b"two\n"

    for line in stream_from(board.host, "while read a; do echo got $a; done", pieces()):
        read.append(line)
    assert read == ["got one", "got two", Answer(0, "", "")]


def test_a_failure_to_make_input_is_raised(board):
    def pieces():
        yield b"one\n"
        raise ValueError("no image")

    with pytest.raises(ValueError, match="no image"):
        list(stream_from(board.host, "cat", pieces()))


def test_a_command_that_reads_nothing_does_not_hang(board):
    assert run_on(board.host, "exit 3", content=bytes(10_000_000)).status == 3


def test_an_unknown_host_key_is_refused(board, client_files):
    """No command runs there, and the remedy says how to make it known."""
    client_files.set_known_host(None)
    with pytest.raises(RemoteError, match=r"not known\. Connect once by hand, .*yes: ssh -F") as e:
        run_on(board.host, "echo hi")
    assert "\n" not in str(e.value)
    assert board.server.commands == []


def test_a_changed_host_key_is_refused(board, client_files):
    client_files.set_known_host(board.server.port, "other_key")
    with pytest.raises(RemoteError, match=r"differs from the known one\..*ssh-keygen -R") as e:
        run_on(board.host, "echo hi")
    assert "\n" not in str(e.value)
    assert board.server.commands == []


def test_a_stranger_is_told_how_to_get_in(board, client_files):
    host = client_files.host(board.server.port, "other_key")
    with pytest.raises(
        RemoteError, match=r"does not accept your keys.*ssh-copy-id.* Passwords are not"
    ):
        run_on(host, "echo hi")


def test_nobody_listens(client_files):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = client_files.host(free.getsockname()[1])
        with pytest.raises(RemoteError, match=r"board@127.0.0.1: it answers, but not to SSH\."):
            run_on(host, "echo hi")


def test_no_such_host(client_files):
    host = SshHost("board@no-such-host.invalid", config=client_files.folder / "config")
    with pytest.raises(RemoteError, match="there is no host with this name"):
        run_on(host, "echo hi")


def test_an_unreadable_key_is_named(board, client_files, tmp_path):
    key = tmp_path / "key"
    shutil.copy(client_files.folder / "user_key", key)
    key.chmod(0o644)
    host = SshHost(board.host.address, board.host.port, key, board.host.config)
    with pytest.raises(RemoteError, match="the private key cannot be used"):
        run_on(host, "echo hi")


def test_a_connection_that_breaks_is_no_result(board):
    """The server closes in the middle: that is no exit status of the command."""
    lines = stream_from(board.host, "echo started; sleep 60")
    assert next(lines) == "started"
    board.server.stop()
    with pytest.raises(RemoteError):
        next(lines)


def test_the_client_does_not_outlive_ctrl_c(board, monkeypatch):
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        ssh.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1]
    )
    lines = stream_from(board.host, "echo started; sleep 60")
    assert next(lines) == "started"
    with pytest.raises(KeyboardInterrupt):
        lines.throw(KeyboardInterrupt)
    assert started[0].poll() is not None


@pytest.mark.parametrize(
    ("complaint", "found"),
    [
        (CHANGED, "differs from the known one"),
        ("No ED25519 host key is known for b and you have requested strict checking.\n"
         "Host key verification failed.", "not known"),
        ("ssh: connect to host b port 22: Connection timed out", "cannot be reached"),
        ("ssh: connect to host b port 22: No route to host", "cannot be reached"),
        ("Timeout, server b not responding.", "was interrupted"),
        ("client_loop: send disconnect: Broken pipe", "was interrupted"),
        ("kex_exchange_identification: something new", r"failed \(kex_exchange.*new\)\. Look at"),
        ("", "ssh gave no reason"),
    ],
)  # fmt: skip
def test_what_the_client_says_becomes_one_line(complaint, found):
    error = connection_error(SshHost("me@b", 2222), complaint)
    with pytest.raises(RemoteError, match=found):
        raise error
    assert str(error).startswith("me@b: ")
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "address", ["", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a@b'c", "user@-x\n"]
)
def test_addresses_cannot_be_options_or_commands(address):
    with pytest.raises(UnsupportedError, match="--host"):
        SshHost(address)


@pytest.mark.parametrize("address", ["board", "root@192.168.1.5", "me@fe80::1%eth0", "a.b-c_d"])
def test_addresses(address):
    assert SshHost(address).address == address


def test_wrong_port_and_missing_key_are_said(tmp_path):
    with pytest.raises(UnsupportedError, match="--port"):
        SshHost("b", 65536)
    with pytest.raises(UnsupportedError, match="--identity"):
        SshHost("b", identity=tmp_path / "none")


def test_a_machine_without_a_client_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(ssh.shutil, "which", lambda _: None)
    with pytest.raises(MissingToolError, match=r"OpenSSH client .*not installed"):
        run_on(SshHost("b"), "true")


def test_it_never_asks_and_never_takes_unknown_keys():
    options = " ".join(SshHost("b").ssh_options())
    assert "BatchMode=yes" in options
    assert "StrictHostKeyChecking=yes" in options
