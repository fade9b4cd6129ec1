"""A headless Chromium that is driven over its DevTools pipe: no driver program, no network port."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE_S = 600
KEY_CODES = {
    "Tab": 9,
    "Escape": 27,
    "Enter": 13,
    " ": 32,
    "ArrowLeft": 37,
    "ArrowRight": 39,
    "2": 50,
}
# The browser reads commands from file descriptor 3 and writes answers to 4.
ON_PIPES = "import os,sys; a,b=map(int,sys.argv[1:3]); os.dup2(a,13); os.dup2(b,14); \
os.dup2(13,3); os.dup2(14,4); os.execv(sys.argv[3], sys.argv[3:])"


class Chromium:
    """One browser with one page.

    Args:
        profile: Folder for its profile.
        flags: More command-line options, such as fake cameras.
    """

    def __init__(self, profile, *flags):
        commands_read, self._commands = os.pipe()
        self._answers, answers_write = os.pipe()
        ends = (commands_read, answers_write)
        arguments = [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", *flags, "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", ON_PIPES, *map(str, ends), *arguments],
            pass_fds=ends,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in ends:
            os.close(end)
        self._buffer, self._number, self._session = b"", 0, None
        self.problems = []  # exceptions and errors that the page logged, requests it made
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(info["targetId"] for info in targets if info["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method, **parameters):
        """A DevTools command and its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next_message()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer)

    def _next_message(self):
        while b"\0" not in self._buffer:
            piece = os.read(self._answers, 1 << 20)
            assert piece, "the browser ended"
            self._buffer += piece
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        if event["method"] == "Runtime.exceptionThrown":
            self.problems.append(event["params"]["exceptionDetails"])
        if event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.problems.append(event["params"]["entry"])
        if event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] == "error":
            self.problems.append(event["params"])
        if event["method"] == "Network.requestWillBeSent":
            url = event["params"]["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:")):
                self.problems.append(url)

    def open(self, page):
        """Load a file, or a URL, and wait until it can be used."""
        url = page.resolve().as_uri() if isinstance(page, Path) else page
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, expression):
        """The value of a JavaScript expression; promises are awaited."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, condition):
        """Until a JavaScript condition holds; its value."""
        end = time.monotonic() + PATIENCE_S
        while not (value := self.run(condition)):
            assert time.monotonic() < end, f"{condition}; page says: {self.run(PAGE_TEXT)}"
            time.sleep(0.05)
        return value

    def drop(self, path, x=300, y=300):
        """Drag a file over the page and drop it, as a hand does."""
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def choose(self, selector, path):
        """Give a file to a file input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def press(self, key, code=None):
        """Press and release a key."""
        text = {"Enter": "\r", " ": " ", "2": "2"}.get(key)
        for kind in ("keyDown", "keyUp"):
            extra = {"text": text} if text and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=code or key,
                windowsVirtualKeyCode=KEY_CODES[key],
                **extra,
            )

    def look(self, width, height, *, dark=False):
        """Show the page as a window of this size does, to a reader who likes it dark or light."""
        phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path, width, height, *, dark=False):
        """A picture of the page as a window of this size shows it."""
        self.look(width, height, dark=dark)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


PAGE_TEXT = "document.body.innerText.slice(0, 600)"
