"""A workbench that runs in a thread, and a client that sends what a test says."""

import http.client
import json
import threading
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tinydet.data.dataset import load_dataset
from tinydet.workbench import view


class Client:
    """Sends single requests."""

    def __init__(self, address):
        parts = urlsplit(address)
        self.host, self.secret = parts.netloc, parts.path.strip("/")
        self.address = address

    def raw(self, method, path, body=None, **headers):
        """Status and content of an answer; the path is sent as it is."""
        connection = http.client.HTTPConnection(self.host, timeout=300)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def get(self, path):
        """The JSON of an address below the secret."""
        status, content = self.raw("GET", f"/{self.secret}/{path}")
        assert status == 200, content
        return json.loads(content)

    def post(self, path, body, **headers):
        """Status and JSON."""
        headers = {"Content_Type": "application/json", **headers}
        status, content = self.raw("POST", f"/{self.secret}/{path}", json.dumps(body), **headers)
        return status, json.loads(content)


@contextmanager
def served(data, detector=None):
    """A client of a workbench; a list that holds its result at the end."""
    ready, addresses, results = threading.Event(), [], []

    def on_ready(address, _):
        addresses.append(address)
        ready.set()

    def run():
        results.append(view(data, load_dataset(data), detector, on_ready=on_ready))

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(300)
    client = Client(addresses[0])
    try:
        yield client, results
    finally:
        with suppress(ConnectionError):  # a test may have closed it
            client.post("close", {})
        thread.join(300)
