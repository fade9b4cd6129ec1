"""A real browser runs the page from a file: camera, files, keyboard, messages, its looks."""

import base64
import io
import json
import os

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.targets.web.chromium import BROWSER, Chromium
from tests.targets.web.pages import (
    Page,
    assert_same,
    from_records,
    random_images,
    small_files,
)
from tinydet.data.images import read_image
from tinydet.targets import HostTarget
from tinydet.targets.web import write_web_folder
from tinydet.targets.web.build import packed

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(BROWSER is None or os.name == "nt", reason="no chromium on PATH"),
]
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SAID = "document.getElementById('message').textContent"
LISTEN = "document.addEventListener('tinydet', (event) => { window.last = event.detail; })"
TURNED = 6  # EXIF: to be shown after a quarter turn to the right


@pytest.fixture(scope="module")
def files():
    return small_files()


@pytest.fixture(scope="module")
def host(files, tmp_path_factory):
    return HostTarget().build(files, tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="module")
def page_path(files, tmp_path_factory):
    return write_web_folder(files, tmp_path_factory.mktemp("web")).page


@pytest.fixture
def open_page(page_path, tmp_path):
    """Opens the page in a browser with given flags; what it logged must be nothing."""
    browsers = []

    def open_with(*flags, page=page_path):
        browser = Chromium(tmp_path / "profile", *flags)
        browsers.append(browser)
        browser.open(page)
        browser.wait_for("!document.getElementById('camera').disabled")
        browser.run(LISTEN)
        return browser

    yield open_with
    for browser in browsers:
        problems = browser.problems
        browser.__exit__()
        assert problems == []


@pytest.fixture
def browser(open_page):
    return open_page(*FAKE_CAMERA)


def image_file(path, seed=1, **options):
    """A file with an image in which something is found."""
    rgb = list(random_images(8, seed))[-1]
    Image.fromarray(rgb).save(path, **options)
    return path


def found_in(browser, path, give=None):
    """The page's record of a file that is dropped, or given in another way."""
    browser.run("window.last = null")
    (give or browser.drop)(path)
    return browser.wait_for("window.last")


def test_a_dropped_png_gives_the_detections_of_this_machine(browser, host, tmp_path):
    """20 files: the same boxes, scores and classes in the same order, bit for bit."""
    for index, rgb in enumerate(list(random_images(24, seed=2))[4:]):
        path = tmp_path / f"{index}.png"
        Image.fromarray(rgb).save(path)
        record = found_in(browser, path)
        assert (record["file"], record["height"], record["width"]) == (path.name, *rgb.shape[:2])
        assert_same(from_records(record["detections"]), host.detect_image(rgb))
        shown = browser.run("document.querySelectorAll('.box').length")
        assert shown == len(record["detections"])
        assert browser.run(SAID).startswith(f"{index}.png: {shown} object")


@pytest.mark.parametrize("way", ["chosen", "pasted"])
def test_files_come_in_other_ways(browser, host, tmp_path, way):
    path = image_file(tmp_path / "a.png")

    def paste(path):
        content = base64.b64encode(path.read_bytes()).decode()
        browser.run(
            "(() => { const data = new DataTransfer();"
            f" const bytes = Uint8Array.from(atob('{content}'), (c) => c.charCodeAt(0));"
            " data.items.add(new File([bytes], 'a.png', {type: 'image/png'}));"
            " document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data})); })()"
        )

    give = paste if way == "pasted" else lambda path: browser.choose("#file", path)
    record = found_in(browser, path, give)
    assert_same(from_records(record["detections"]), host.detect_image(read_image(path)))
    assert len(record["detections"]) > 0


def test_photos_are_turned_upright(browser, host, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = TURNED
    path = image_file(tmp_path / "turned.png", exif=exif)
    upright = read_image(path)
    record = found_in(browser, path)
    assert (record["height"], record["width"]) == upright.shape[:2]
    assert upright.shape[0] != upright.shape[1]
    assert_same(from_records(record["detections"]), host.detect_image(upright))


def test_colour_profiles_change_nothing(browser, host, tmp_path):
    """The stored numbers count, as in Python, whatever profile a file carries."""
    path = image_file(tmp_path / "profile.png", icc_profile=_swapped_primaries())
    record = found_in(browser, path)
    assert_same(from_records(record["detections"]), host.detect_image(read_image(path)))


def _swapped_primaries():
    """An RGB profile whose red and blue are exchanged: applied, it would change every pixel."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    content = content.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ")
    return bytes(content.replace(b"tXYZ", b"bXYZ"))


def test_the_network_runs_off_the_thread_of_the_page(browser, host, tmp_path):
    """The page itself never computes: it could not even load a program."""
    browser.run("Detector.load = Detector.prototype.detect = () => { throw new Error('here'); }")
    path = image_file(tmp_path / "a.png")
    record = found_in(browser, path)
    assert_same(from_records(record["detections"]), host.detect_image(read_image(path)))


def test_only_the_last_of_two_images_is_shown(browser, host, tmp_path):
    """What was asked for while another image was computed takes its place."""
    paths = [image_file(tmp_path / name, seed) for name, seed in (("a.png", 1), ("b.png", 2))]
    contents = [base64.b64encode(path.read_bytes()).decode() for path in paths]
    browser.run(
        "(() => { window.shownFiles = []; document.addEventListener('tinydet', (event) =>"
        " window.shownFiles.push(event.detail.file));"
        f" {json.dumps(contents)}.forEach((content, index) => {{"
        " const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));"
        " showFile(new File([bytes], ['a.png', 'b.png'][index], {type: 'image/png'})); }); })()"
    )
    browser.wait_for("window.last && window.last.file === 'b.png'")
    assert browser.run("window.shownFiles") == ["b.png"]
    found = from_records(browser.run("window.last")["detections"])
    assert_same(found, host.detect_image(read_image(paths[1])))


def test_a_transparent_image_is_told(browser, tmp_path):
    rgba = np.full((40, 50, 4), 200, np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(rgba).save(path)
    found_in(browser, path)
    assert "transparent parts" in browser.wait_for(SAID)


def test_the_slider_answers_to_the_keyboard(browser, tmp_path):
    """Higher scores leave fewer boxes; the picture is not computed anew."""
    record = found_in(browser, image_file(tmp_path / "a.png"))
    scores = [found["score"] for found in record["detections"]]
    browser.run("document.getElementById('score').focus()")
    for presses in (8, 16):
        for _ in range(8):
            browser.press("ArrowRight")
        threshold = np.float32(round(0.8 + presses / 100, 2))
        expected = sum(np.float32(score) >= threshold for score in scores)
        assert browser.run("document.querySelectorAll('.box').length") == expected
        assert browser.run("document.getElementById('objects').textContent") == str(expected)
    for _ in range(60):
        browser.press("ArrowLeft")
    assert browser.run("document.querySelectorAll('#list tr').length") > len(scores)


def test_everything_can_be_reached_by_the_keyboard(browser):
    reached = set()
    for _ in range(8):
        browser.press("Tab")
        reached.add(browser.run("document.activeElement.id || document.activeElement.tagName"))
    assert {"camera", "choose", "score", "SUMMARY"} <= reached


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.png", b"no image", "text.png is not an image that this browser can read."),
        ("empty.jpg", b"", "empty.jpg is not an image that this browser can read."),
    ],
)
def test_a_damaged_file_is_named(browser, tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    browser.drop(path)
    browser.wait_for(f"{SAID}.startsWith('{message}')")
    assert browser.run("document.getElementById('message').className") == "error"
    found_in(browser, image_file(tmp_path / "good.png"))  # and the page goes on


def test_the_camera_runs_and_stops(browser, host):
    """Frames per second and times appear; a frame's detections are those of its pixels."""
    browser.run("document.getElementById('camera').focus()")
    browser.press("Enter")
    browser.wait_for("Number(document.getElementById('rate').textContent) > 0")
    assert browser.run(SAID) == "The camera is running."
    assert browser.run("parseFloat(document.getElementById('network').textContent)") > 0
    browser.press("Enter")
    browser.wait_for(f"{SAID} === 'The camera is off.'")
    picture = browser.run("document.getElementById('picture').toDataURL('image/png')")
    with Image.open(io.BytesIO(base64.b64decode(picture.split(",")[1]))) as frame:
        pixels = np.asarray(frame.convert("RGB"))
    record = browser.run("window.last")
    assert (record["file"], record["width"]) == ("camera", pixels.shape[1])
    assert_same(from_records(record["detections"]), host.detect_image(pixels))
    assert len(record["detections"]) > 0


def test_the_camera_shows_a_given_film(open_page, tmp_path):
    """Frames of a known film arrive as they are: the picture is the film's, sharp and upright."""
    film = tmp_path / "film.y4m"
    luma = np.full((120, 160), 40, np.uint8)
    luma[20:70, 30:60] = 200
    chroma = np.full(120 * 160 // 2, 128, np.uint8).tobytes()
    frame = b"FRAME\n" + luma.tobytes() + chroma
    film.write_bytes(b"YUV4MPEG2 W160 H120 F10:1 Ip A1:1 C420mpeg2\n" + 10 * frame)
    browser = open_page(*FAKE_CAMERA, f"--use-file-for-fake-video-capture={film}")
    browser.run("document.getElementById('camera').click()")
    record = browser.wait_for("window.last")
    assert (record["width"], record["height"]) == (160, 120)
    assert browser.run("[...pixels.getImageData(45, 45, 1, 1).data]")[0] > 190
    assert browser.run("[...pixels.getImageData(100, 100, 1, 1).data]")[0] < 60


def test_a_dropped_file_ends_the_camera(browser, tmp_path):
    browser.run("document.getElementById('camera').click()")
    browser.wait_for("window.last")
    path = image_file(tmp_path / "a.png")
    browser.drop(path)
    browser.wait_for("window.last.file === 'a.png'")
    assert browser.run("document.getElementById('camera').textContent") == "Start camera"
    assert browser.run("Number.isNaN(parseFloat(document.getElementById('rate').textContent))")


def test_without_a_camera_the_page_says_so(open_page):
    browser = open_page("--use-fake-ui-for-media-stream")
    browser.run("document.getElementById('camera').click()")
    browser.wait_for(f"{SAID}.startsWith('No camera was found.')")
    assert browser.run("document.getElementById('camera').textContent") == "Start camera"


def test_a_refused_camera_is_explained(open_page):
    browser = open_page("--use-fake-device-for-media-stream", "--deny-permission-prompts")
    browser.run("document.getElementById('camera').click()")
    browser.wait_for(f"{SAID}.startsWith('This page is not allowed to use the camera.')")


def test_a_browser_without_simd_is_told(page_path, tmp_path):
    """What cannot run says what is needed, and offers nothing that does not work."""
    broken = tmp_path / "broken.html"
    text, page = page_path.read_text(encoding="utf-8"), Page(page_path)
    broken.write_text(text.replace(packed(page.module), packed(b"no module")), encoding="utf-8")
    with Chromium(tmp_path / "profile") as browser:
        browser.open(broken)
        browser.wait_for(f"{SAID}.startsWith('This browser cannot run the detector.')")
        assert browser.run("document.getElementById('camera').disabled")


def test_the_page_fits_a_phone_and_has_a_dark_side(browser, tmp_path):
    found_in(browser, image_file(tmp_path / "a.png"))
    pictures = []
    for width, dark in ((1000, False), (360, True)):
        path = tmp_path / f"{width}.png"
        browser.screenshot(path, width, 800, dark=dark)
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.run(overflow) == 0
        pictures.append(Image.open(path).convert("RGB"))
    light, dark = pictures
    assert light.size == (1000, 800)
    assert min(light.getpixel((3, 3))) > 200
    assert max(dark.getpixel((3, 3))) < 60
    assert len(light.getcolors(10**6)) > 200  # the image and its boxes
