"""Pages of a small detector, read as a browser reads them, and the host's C to compare with."""

import base64
import gzip
import json
from html.parser import HTMLParser

import numpy as np

from tests.compiler.small_detector import small_compiled, small_spec
from tinydet.boxes import Detections

NAME = "small"
SCORE_THRESHOLD = 0.8
# What browsers have beside the language itself.
BROWSER_FUNCTIONS = """
const performance = { now: () => Date.now() };
function atob(text) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const value = Object.fromEntries([...digits].map((digit, index) => [digit, index]));
  const bytes = [];
  let bits = 0, count = 0;
  for (const digit of text.replace(/=+$/, "")) {
    bits = (bits << 6) | value[digit];
    count += 6;
    if (count >= 8) bytes.push(String.fromCharCode((bits >> (count -= 8)) & 255));
  }
  return bytes.join("");
}
const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
"""


def small_files(aspect_ratio="fit", interpolation="bilinear", class_names=None, **postprocess):
    """The small detector in C; its score threshold lets few or many boxes of an image through."""
    thresholds = {"score_threshold": SCORE_THRESHOLD} | postprocess
    spec = small_spec(aspect_ratio=aspect_ratio, interpolation=interpolation, **thresholds)
    if class_names:
        spec = spec.model_copy(update={"class_names": class_names})
    return small_compiled(spec=spec, where="folder/small.tflite")


class Page(HTMLParser):
    """The elements of a page: ``elements`` as ``(tag, attributes)``, texts of the scripts."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.elements, self.scripts = [], []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    @property
    def card(self):
        return json.loads(self.scripts[0])

    @property
    def program(self):
        return self.scripts[1]

    @property
    def module(self):
        """The WebAssembly module."""
        return unpacked(self.program)

    @property
    def relaxed(self):
        """The module with relaxed SIMD."""
        return unpacked(self.scripts[2])

    @property
    def code(self):
        """What the browser runs: the detector, also the text of its worker, and the page."""
        return "".join(self.scripts[3:])


def unpacked(text):
    """A module as it stands in the page."""
    return gzip.decompress(base64.b64decode(text))


def in_javascript(module):
    """An expression that gives the bytes of a module."""
    return f'fromBase64("{base64.b64encode(module).decode()}")'


class PageDetector:
    """The page's own program under its own JavaScript, in V8."""

    def __init__(self, page, detector_js):
        from py_mini_racer import MiniRacer

        assert detector_js in page.code  # what runs here is what the page has
        self.engine = MiniRacer()
        self.engine.eval(BROWSER_FUNCTIONS + detector_js + "\nlet detector;")
        names = json.dumps(page.card["class_names"])
        modules = in_javascript(page.module), in_javascript(page.relaxed)
        load = f"Detector.load({modules[0]}, {names}, {modules[1]})"
        self.engine.eval(f"{load}.then((made) => {{ detector = made; }})").get()

    def use(self, kernels):
        """Take kernels by their name, not those that were faster."""
        self.engine.eval(f"detector.use({json.dumps(kernels)})")

    def detect(self, rgba, threshold):
        """Record of an image ``[H, W, 4]``: ``detections``, ``isOpaque``."""
        height, width, _ = rgba.shape
        pixels = base64.b64encode(np.ascontiguousarray(rgba).tobytes()).decode()
        image = f'{{data: fromBase64("{pixels}"), width: {width}, height: {height}}}'
        return json.loads(
            self.engine.eval(
                f"(() => {{ const found = detector.detect({image});"
                f" found.detections = withScore(found.detections, {threshold});"
                " return JSON.stringify(found); })()"
            )
        )


def from_records(records):
    """Detections from what the page gives; every number must be a float32 as it stands."""
    boxes = np.array([record["box"] for record in records], np.float64).reshape(-1, 4)
    scores = np.array([record["score"] for record in records], np.float64)
    class_ids = np.array([record["class_id"] for record in records], np.int64)
    for numbers in (boxes, scores):
        np.testing.assert_array_equal(numbers, numbers.astype(np.float32))
    return Detections(boxes.astype(np.float32), scores.astype(np.float32), class_ids)


def random_images(count, seed):
    """RGB images of all shapes: noise on patches of all sizes and contrasts, which scores tell
    apart."""
    rng = np.random.default_rng(seed)
    sizes = [(1, 1), (1, 97), (83, 1), (32, 48)]
    sizes += [tuple(rng.integers(2, 130, 2)) for _ in range(count - len(sizes))]
    for height, width in sizes:
        side = int(rng.integers(2, 60))
        patches = rng.choice([0, 255], (-(-height // side), -(-width // side), 3))
        coarse = patches.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]
        noise = rng.integers(-80, 81, (height, width, 3))
        yield np.clip(coarse + noise, 0, 255).astype(np.uint8)


def with_alpha(rgb, alpha):
    """RGBA of an RGB image; ``alpha`` a number or ``[H, W]``."""
    layer = np.broadcast_to(np.asarray(alpha, np.uint8), rgb.shape[:2])
    return np.concatenate([rgb, layer[..., None]], axis=2)


def assert_same(found, expected):
    """Two detections are the same, bit for bit."""
    np.testing.assert_array_equal(found.boxes.view(np.uint32), expected.boxes.view(np.uint32))
    np.testing.assert_array_equal(found.scores.view(np.uint32), expected.scores.view(np.uint32))
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)
