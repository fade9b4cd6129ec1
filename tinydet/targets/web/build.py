"""The folder of a web page that runs a detector."""

from dataclasses import dataclass
from pathlib import Path

from tinydet.compiler import CompiledDetector
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.targets.base import require_image_in_arena
from tinydet.targets.web.program import build_program, constant_bytes
from tinydet.targets.web.render import render_page

PAGE_FILE = "index.html"
# Where the score slider of the page starts. Lower ones show noise and make suppression slow.
LOWEST_SCORE = 0.05


@dataclass(frozen=True)
class WebFolder:
    """A page that was written.

    Attributes:
        page: The one file, ``index.html``.
        page_bytes: Its size.
        program_bytes: Size of the WebAssembly module in it, before base64.
        weights_bytes: The part of the module that is constants of the network.
    """

    page: Path
    page_bytes: int
    program_bytes: int
    weights_bytes: int

    @property
    def bytes_without_weights(self) -> int:
        """The page less what the weights take in it: base64 makes four bytes of three."""
        return self.page_bytes - -(-4 * self.weights_bytes // 3)


def write_web_folder(detector: CompiledDetector, folder: Path) -> WebFolder:
    """Write a page that finds objects in camera and image files, in any browser, offline.

    The C is compiled to WebAssembly and embedded, so that the page also works from ``file://``.
    For the same pixels its detections are those of the C on this machine, bit for bit.

    Args:
        detector: The detector. Its score threshold is where the slider of the page stands at
            first; lower ones can be set there down to 0.05.
        folder: Where ``index.html`` goes; created. What else lies there is left alone.

    Returns:
        Where the page is, and its sizes.

    Raises:
        MissingToolError: ziglang is not installed.
        BuildError: The C compiler refuses (disk full).
        OutputError: The folder cannot be written to.
        UnsupportedError: The C cannot take whole images.
    """
    require_image_in_arena(detector, "a web page")
    make_folder(folder)
    # The first detections in falling score are the same for every threshold below them, so the
    # page may compute with the lowest and show those above the slider.
    lowest_score = min(detector.spec.postprocess.score_threshold, LOWEST_SCORE)
    program = build_program(detector.with_score_threshold(lowest_score))
    weights_bytes = constant_bytes(program)
    page = folder / PAGE_FILE
    text = render_page(detector, program, lowest_score=lowest_score, weights_bytes=weights_bytes)
    write_text_atomically(page, text)
    return WebFolder(page, page.stat().st_size, len(program), weights_bytes)
