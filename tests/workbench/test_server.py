"""The workbench changes what it is told to, and answers nobody but its own page."""

import io
import socket

import numpy as np
import pytest
from PIL import Image

from tests.data.readers.written_formats import picture, text
from tests.workbench.served import served
from tinydet.data.dataset import load_dataset
from tinydet.errors import UnsupportedError
from tinydet.workbench import view

NAMES = ("a", "b", "c d")


@pytest.fixture
def data(tmp_path):
    """Three images; the first has a small cat and a large dog, the last nothing."""
    lines = {"a": "0 0.1 0.1 0.05 0.05\n1 0.5 0.5 0.8 0.8\n", "b": "0 0.5 0.5 0.2 0.2\n", "c d": ""}
    for name, content in lines.items():
        picture(tmp_path / "train/images" / f"{name}.png", (40, 60))
        text(tmp_path / "train/labels" / f"{name}.txt", content)
    text(tmp_path / "data.yaml", "train: train/images\nnames: [cat, dog]\n")
    (tmp_path / "secret.txt").write_text("not for you")
    return tmp_path


def selected(client, **filters):
    words = "&".join(f"{key}={value}" for key, value in filters.items())
    return [row[1].rpartition("/")[2] for row in client.get(f"images?{words}")]


def test_filters(data):
    with served(data) as (client, _):
        assert selected(client) == ["a.png", "b.png", "c d.png"]
        assert selected(client, **{"class": "dog"}) == ["a.png"]
        assert selected(client, **{"class": "cat", "size": "small"}) == ["a.png"]
        assert selected(client, **{"class": "dog", "size": "small"}) == []
        assert selected(client, state="empty") == ["c d.png"]
        assert selected(client, text="C+D") == ["c d.png"]
        assert selected(client, part="train") == ["a.png", "b.png", "c d.png"]
        status, _ = client.raw("GET", f"/{client.secret}/images?state=bored")
        assert status == 409


def test_a_change_is_in_the_data_set_and_in_the_result(data):
    with served(data) as (client, results):
        record = client.get("labels/2")
        new = {"key": None, "class": "dog", "box": [0.25, 0.25, 0.5, 0.75], "ignored": False}
        status, after = client.post("labels/2", {"version": record["version"], "boxes": [new]})
        assert (status, len(after["boxes"])) == (200, 1)
        again = client.post("labels/2", {"version": record["version"], "boxes": []})
        assert again[0] == 409
        assert "changed by another program" in again[1]["error"]
        assert client.post("marks/0", {"marked": True})[1]["marked"]
        assert selected(client, state="changed") == ["c d.png"]
        assert selected(client, state="marked") == ["a.png"]
        assert client.post("close", {}) == (200, {})
    sample = load_dataset(data).samples[2]
    assert sample.boxes.tolist() == [[0.25, 0.25, 0.5, 0.75]]
    assert (results[0].changed, results[0].marked) == (1, 1)
    assert (results[0].backups / "train/labels/c d.txt.bak").read_text() == ""
    assert results[0].marks_file.read_text() == "train/images/a.png\n"
    with served(data) as (client, _):
        assert client.get("labels/0")["marked"]


def test_pictures_show_the_image_and_its_boxes(data):
    with served(data) as (client, _):
        for name in ("picture", "thumbnail"):
            status, content = client.raw("GET", f"/{client.secret}/{name}/0")
            shown = np.asarray(Image.open(io.BytesIO(content)))
            assert (status, shown.shape) == (200, (40, 60, 3))
            assert shown.any() == (name == "thumbnail")  # the image is black, its boxes are not


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/{secret}/state", {"Host": "evil.example"}, 403),  # its name resolves to this machine
        ("/{secret}/state", {"Host": "127.0.0.1"}, 403),
        ("/{secret}/state", {"Origin": "http://evil.example"}, 403),
        ("/{secret}/state", {"Origin": "null"}, 403),
        ("/state", {}, 403),
        ("/", {}, 403),
        ("/wrong/state", {}, 403),
        ("/{secret}x/labels/0", {}, 403),
        ("/%2e%2e/{secret}/state", {}, 403),
        ("/{secret}/../secret.txt", {}, 404),
        ("/{secret}/picture/../../secret.txt", {}, 404),
        ("/{secret}/picture/..%2f..%2fsecret.txt", {}, 404),
        ("/{secret}/workbench.js/../../../../secret.txt", {}, 404),
        ("/{secret}/picture/3", {}, 404),
        ("/{secret}/picture/-1", {}, 404),
        ("/{secret}/picture/99999999999999999999", {}, 404),
    ],
)
def test_nobody_else_is_answered(data, method, path, headers, status):
    body = b"{}" if method == "POST" else None
    headers = {**headers, **({"Content-Type": "application/json"} if body else {})}
    with served(data) as (client, results):
        got, content = client.raw(method, path.format(secret=client.secret), body, **headers)
        assert got == status
        assert b"not for you" not in content
        assert not results


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415),  # what a form of another page could send
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"[" * 100_000, {"Content-Type": "application/json"}, 400),
        (b"{}", {"Content-Type": "application/json"}, 400),
        (b'{"boxes": 1, "version": 1}', {"Content-Type": "application/json"}, 400),
        (b"", {"Content-Type": "application/json", "Content-Length": "9999999"}, 413),
        (b"", {"Content-Type": "application/json", "Content-Length": "-1"}, 413),
    ],
)
def test_what_is_not_understood_changes_nothing(data, body, headers, status):
    before = (data / "train/labels/a.txt").read_bytes()
    with served(data) as (client, results):
        assert client.raw("POST", f"/{client.secret}/labels/0", body, **headers)[0] == status
        assert not results
    assert (data / "train/labels/a.txt").read_bytes() == before


def test_other_machines_are_not_listened_to(data):
    """Only the loopback interface: on each other address of this machine nobody answers."""
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    with served(data) as (client, _):
        port = int(client.host.partition(":")[2])
        for address in addresses - {"127.0.0.1"}:
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as caller:
                caller.settimeout(20)
                assert caller.connect_ex((address, port))


def test_a_port_that_cannot_be_had_is_refused(data):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        for port in (taken.getsockname()[1], 99_999):
            with pytest.raises(UnsupportedError, match=str(port)):
                view(data, load_dataset(data), port=port)
