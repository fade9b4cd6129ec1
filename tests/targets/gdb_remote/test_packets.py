import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydet.targets.gdb_remote.packets import (
    AnswerTimeout,
    BoardError,
    Connection,
    decode_body,
    encode_packet,
)


@given(st.binary(max_size=300))
def test_a_frame_holds_what_went_in(payload):
    """Inside of a frame stands no special byte, the checksum is the sum, and escapes undo."""
    frame = encode_packet(payload)
    body, checksum = frame[1:-3], frame[-2:]
    assert frame[:1] == b"$"
    assert frame[-3:-2] == b"#"
    assert not {*b"#$*"} & {*body}
    assert int(checksum, 16) == sum(body) % 256
    assert decode_body(body) == payload


def test_run_lengths():
    """The manual's example: "0* " is "0000"; 29 is what the count is raised by."""
    assert decode_body(b"0* ") == b"0000"
    assert decode_body(b"a*~b") == b"a" * (1 + 126 - 29) + b"b"
    assert decode_body(b"*") == b"*"  # nothing to repeat


@pytest.fixture
def pair():
    """``(connection, socket of the server)``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = Connection("127.0.0.1", listener.getsockname()[1])
        server, _ = listener.accept()
        with server:
            yield connection, server
        connection.close()


def soon():
    return time.monotonic() + 120


def test_a_damaged_packet_is_asked_for_again(pair):
    connection, server = pair
    server.sendall(b"$OK#00$OK#9a")
    assert connection.receive(soon()) == b"OK"
    assert server.recv(10) == b"-+"


def test_a_refused_packet_is_sent_again(pair):
    connection, server = pair
    server.sendall(b"-+")
    connection.send(b"g")
    assert server.recv(100) == b"$g#67$g#67"


def test_notifications_and_noise_are_passed_over(pair):
    connection, server = pair
    connection.acknowledges = False
    server.sendall(b"+%Stop:T05#00+$OK#9A")
    assert connection.receive(soon()) == b"OK"


def test_a_packet_may_come_in_pieces(pair):
    connection, server = pair

    def drip():
        for byte in b"$T05#b9":
            server.sendall(bytes([byte]))
            time.sleep(0.005)

    thread = threading.Thread(target=drip)
    thread.start()
    assert connection.receive(soon()) == b"T05"
    thread.join()


def test_silence_and_the_end_are_told_apart(pair):
    connection, server = pair
    with pytest.raises(AnswerTimeout):
        connection.receive(time.monotonic() + 0.05)
    server.shutdown(socket.SHUT_RDWR)
    with pytest.raises(BoardError, match="the server closed it"):
        connection.receive(soon())


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 3333), ("127.0.0.1", 70000)])
def test_a_host_that_is_none(host, port):
    with pytest.raises(BoardError, match=f"gdb://{host}:{port}: cannot be reached"):
        Connection(host, port)
