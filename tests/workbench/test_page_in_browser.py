"""A real browser shows the images, and a hand on the mouse changes labels."""

import pytest

from tests.data.readers.written_formats import picture, text
from tests.page_checks import AXE, HEIGHT, NARROW, barriers, faults
from tests.targets.web.chromium import BROWSER, Chromium
from tests.workbench.served import served
from tinydet.data.dataset import load_dataset

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(BROWSER is None, reason="no chromium on PATH"),
]


def mouse(browser, kind, x, y):
    browser.call(
        "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1
    )


@pytest.fixture
def data(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / "images" / f"{name}.png", (300, 400))
        text(tmp_path / "labels" / f"{name}.txt", "0 0.5 0.5 0.2 0.2\n")
    text(tmp_path / "data.yaml", "train: images\nnames: [cat, dog]\n")
    return tmp_path


def open_first_image(browser, address):
    browser.open(address)
    browser.wait_for("document.querySelectorAll('.tile').length === 2")
    browser.run("document.querySelector('.tile').click()")
    browser.wait_for("document.querySelectorAll('.box').length === 1")
    browser.wait_for("byId('picture').clientWidth > 100")


def test_a_box_is_drawn_and_saved_by_going_on(data):
    with served(data) as (client, _), Chromium(data / "profile") as browser:
        open_first_image(browser, client.address)
        left, top, width, height = browser.run(
            "(({x, y, width, height}) => [x, y, width, height])"
            "(byId('boxes').getBoundingClientRect())"
        )
        mouse(browser, "mousePressed", left + 0.75 * width, top + 0.1 * height)
        for share in (0.8, 0.9):
            mouse(browser, "mouseMoved", left + share * width, top + share * height / 2)
        mouse(browser, "mouseReleased", left + 0.9 * width, top + 0.45 * height)
        browser.wait_for("document.querySelectorAll('#objects li').length === 2")
        browser.press("2")
        browser.press("ArrowRight")
        browser.wait_for("document.querySelector('#name').textContent.startsWith('images/b')")
        assert faults(browser, client.address) == []
    samples = {sample.path.name: sample for sample in load_dataset(data).samples}
    assert samples["a.png"].class_ids.tolist() == [0, 1]
    assert samples["a.png"].boxes[1] == pytest.approx([0.75, 0.1, 0.9, 0.45], abs=0.01)
    assert samples["b.png"].class_ids.tolist() == [0]


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core (npm install axe-core)")
def test_nobody_is_barred(data):
    """The grid and the editor, narrow and wide, light and dark."""
    with served(data) as (client, _), Chromium(data / "profile") as browser:
        open_first_image(browser, client.address)
        assert barriers(browser) == []
        browser.press("Escape")
        browser.wait_for("byId('editor').hidden")
        assert barriers(browser) == []
        browser.look(NARROW, HEIGHT)  # no filter is cut off, and two images lie side by side
        assert browser.run("byId('filters').scrollHeight - byId('filters').clientHeight") <= 0
        tops = "[...document.querySelectorAll('.tile')].map((tile) => tile.style.top)"
        browser.wait_for(f"new Set({tops}).size === 1")
