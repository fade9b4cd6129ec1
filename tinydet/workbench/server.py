"""The server of the workbench: for this machine's user only.

It listens on the loopback interface, and answers only requests that name it by its own address,
come from its own page and know the secret of this session, which is part of the address. So
neither another machine, nor another user here, nor a web page that the browser has open can read
an image or change a label. Images are asked for by number: no path comes from outside.
"""

import json
import secrets
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tinydet.data.editing import EditableBox
from tinydet.drawing import class_colour
from tinydet.errors import TinydetError
from tinydet.workbench.disagreement import KINDS
from tinydet.workbench.images import SIZES, Images
from tinydet.workbench.pictures import Pictures

LOOPBACK = "127.0.0.1"
MOST_BODY_BYTES = 1 << 20
MOST_DIGITS = 10
KEEP = "private, max-age=3600"  # a changed picture has another address
PAGE = {"": "index.html", "workbench.css": "workbench.css", "workbench.js": "workbench.js"}
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address holds the secret
    "X-Content-Type-Options": "nosniff",
}


Named = dict[str, Callable[[], object]]


class Content(NamedTuple):
    """An answer that is no JSON."""

    content: bytes
    content_type: str
    cache: str = "no-store"


class Refusal(Exception):  # noqa: N818 - an answer, no error of the program
    """A request that is not answered.

    Args:
        status: Of the answer.
        text: What it says.
    """

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class WorkbenchServer(ThreadingHTTPServer):
    """Serves the page and what it asks for, until the page or Ctrl-C closes it.

    Args:
        images: The data set.
        port: TCP port; 0 takes a free one.
        about: What the page tells of the data set and the model, beside what is in ``images``.

    Raises:
        OSError: The port is taken.
    """

    daemon_threads = False  # the last answer gets out before the process ends

    def __init__(self, images: Images, port: int, about: Callable[[], dict[str, Any]]) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.images = images
        self.pictures = Pictures(images)
        self.about = about
        self.secret = secrets.token_urlsafe(16)

    @property
    def hosts(self) -> tuple[str, str]:
        """What a request may call this server."""
        port = self.server_address[1]
        return f"{LOOPBACK}:{port}", f"localhost:{port}"

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{self.hosts[0]}/{self.secret}/"


class _Handler(BaseHTTPRequestHandler):
    server: WorkbenchServer
    timeout = 10  # seconds for a request to come in

    def do_GET(self) -> None:
        pages = {name: partial(_page, file) for name, file in PAGE.items()}
        self._answer({**pages, "state": self._state, "images": self._list}, self._get)

    def do_POST(self) -> None:
        self._answer({"close": self._close}, self._post)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the terminal is for what counts."""

    def _answer(self, named: Named, numbered: Callable[[str, int], object]) -> None:
        try:
            answer = self._found(named, numbered)
        except Refusal as refusal:
            return self._send_json({"error": str(refusal)}, refusal.status)
        except TinydetError as error:
            return self._send_json({"error": str(error)}, HTTPStatus.CONFLICT)
        if isinstance(answer, Content):
            return self._send(*answer)
        return self._send_json(answer)

    def _found(self, named: Named, numbered: Callable[[str, int], object]) -> object:
        words = self._words()
        if len(words) == 2 and words[1].isdecimal() and len(words[1]) < MOST_DIGITS:
            return numbered(words[0], self._index(words[1]))
        name = words[0] if words else ""
        if len(words) <= 1 and name in named:
            return named[name]()
        raise Refusal(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _words(self) -> list[str]:
        """The words of the address behind the secret.

        Raises:
            Refusal: The request is not from this session's page.
        """
        host, origin = self.headers.get("Host"), self.headers.get("Origin")
        if host not in self.server.hosts:
            raise Refusal(HTTPStatus.FORBIDDEN, "Wrong host.")
        if origin is not None and origin not in [f"http://{host}" for host in self.server.hosts]:
            raise Refusal(HTTPStatus.FORBIDDEN, "Wrong origin.")
        secret, *words = urlsplit(self.path).path.lstrip("/").split("/")
        if not secrets.compare_digest(secret.encode(), self.server.secret.encode()):
            raise Refusal(HTTPStatus.FORBIDDEN, "Open the address that the terminal shows.")
        return [word for word in words if word]

    def _index(self, text: str) -> int:
        if int(text) >= len(self.server.images):
            raise Refusal(HTTPStatus.NOT_FOUND, "There is no such image.")
        return int(text)

    def _state(self) -> object:
        images = self.server.images
        names = images.dataset.class_names
        counts = {kind: 0 for kind in KINDS}
        for shown in images.shown:
            for kind in {problem.kind for problem in shown.problems}:
                counts[kind] += 1
        return {
            "total": len(images),
            "format": images.dataset.format,
            "classes": [{"name": n, "colour": class_colour(i)} for i, n in enumerate(names)],
            "sizes": list(SIZES),
            "parts": sorted({shown.part for shown in images.shown} - {""}),
            "problems": {k: {"text": KINDS[k], "images": n} for k, n in counts.items()},
            "marked": len(images.marked),
            "changed": images.num_changed,
            "editable": images.editor is not None,
            "can_ignore": images.editor is not None and images.editor.has_ignored,
            **self.server.about(),
        }

    def _list(self) -> object:
        images = self.server.images
        filters = {key: value for key, value in parse_qsl(urlsplit(self.path).query) if value}
        return [
            [
                index,
                images.shown[index].name,
                len(images.shown[index].truth),
                len(images.shown[index].problems),
                images.shown[index].revision,
            ]
            for index in images.select(filters)
        ]

    def _get(self, what: str, index: int) -> object:
        if what == "picture":
            return Content(self.server.pictures.picture(index), "image/jpeg", KEEP)
        if what == "thumbnail":
            return Content(self.server.pictures.thumbnail(index), "image/jpeg", KEEP)
        if what == "labels":
            return self.server.images.record(index)
        raise Refusal(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _post(self, what: str, index: int) -> object:
        body = self._body()
        try:
            if what == "labels":
                boxes = [_box(record) for record in body["boxes"]]
                self.server.images.replace(index, boxes, str(body["version"]))
            elif what == "marks":
                self.server.images.mark(index, bool(body["marked"]))
            else:
                raise Refusal(HTTPStatus.NOT_FOUND, "There is nothing here.")
        except (KeyError, TypeError, ValueError) as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"Not understood: {error!r}") from None
        return self.server.images.record(index)

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json":
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON is expected.")
        if not length.isdecimal() or int(length) > MOST_BODY_BYTES:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too long.")
        try:
            return json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refusal(HTTPStatus.BAD_REQUEST, "This is no JSON.") from None

    def _close(self) -> object:
        self._body()
        self.server.shutdown()  # it runs in another thread than this answer
        return {}

    def _send_json(self, content: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(content).encode(), "application/json", status=status)

    def _send(
        self,
        content: bytes,
        content_type: str,
        cache: str = "no-store",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        self.send_response(status)
        headers = {"Content-Type": content_type, "Content-Length": str(len(content))}
        for name, value in {**HEADERS, **headers, "Cache-Control": cache}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _page(name: str) -> Content:
    content = (files("tinydet.workbench") / "page" / name).read_bytes()
    return Content(content, f"{TYPES[name.rpartition('.')[2]]}; charset=utf-8")


def _box(record: Any) -> EditableBox:
    key = record["key"]
    if key is not None and (isinstance(key, bool) or not isinstance(key, int)):
        raise TypeError("key")
    x0, y0, x1, y1 = (float(side) for side in record["box"])
    return EditableBox(key, str(record["class"]), (x0, y0, x1, y1), bool(record["ignored"]), "box")
