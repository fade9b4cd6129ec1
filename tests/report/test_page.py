"""The report needs nothing but itself, says what it knows, and survives any run folder."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tinydet.errors import DataError
from tinydet.report import write_report

SECTIONS = {
    "summary",
    "examples",
    "accuracy",
    "worst",
    "training",
    "data",
    "quantization",
    "configuration",
    "provenance",
    "files",
}
VOID = {"meta", "img", "input", "link", "br", "line", "polyline"}
LOADING = {"src", "href", "data", "action", "poster", "srcset", "background", "xlink:href"}


class Page(HTMLParser):
    """Tags, ids, addresses, visible text by element, and the nesting of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.scripts: list[str] = []
        self.styles = ""
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.addresses += [value for name, value in attrs if name in LOADING]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] == "style":
            self.styles += data
        else:
            self.text += " ".join(data.split()) + " " if data.strip() else ""


def page_of(run_folder: Path) -> Page:
    return Page(write_report(run_folder))


def test_nothing_is_loaded_from_elsewhere(run_folder):
    page = page_of(run_folder)
    assert page.addresses
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert not re.search(r"url\(|@import|https?://", page.styles + page.source)
    assert not {"link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert "default-src 'none'" in page.source


def test_the_markup_is_well_nested_and_has_every_section_and_link_target(run_folder):
    page = page_of(run_folder)
    assert page.open == []
    assert set(page.ids) >= SECTIONS
    assert len(page.ids) == len(set(page.ids))
    targets = {address[1:] for address in page.addresses if address.startswith("#")}
    assert targets <= set(page.ids)


def test_an_empty_run_folder_has_every_section_and_says_what_is_not_there(tmp_path):
    page = page_of(tmp_path)
    assert set(page.ids) >= SECTIONS
    assert "This run contains no evaluation" in page.text
    assert "This run contains no int8 model" in page.text
    assert "config.yaml missing" in page.text
    assert "could not be shown</strong>" not in page.source


def test_class_names_and_paths_cannot_break_out(run_folder):
    """Names with markup appear as text: no script, element or handler comes from them."""
    page = page_of(run_folder)
    assert len(page.scripts) == 2
    assert page.handlers == []
    assert "b" not in page.tags
    assert page.tags.count("i") == 4  # the keys of four curves
    assert "alert(1)" not in page.scripts[1]
    assert "cat & dog" in page.text
    assert "</script><script>alert(1)</script>" in page.text
    assert 'say "hi" <b>' in page.text
    assert "run & <i>" in page.text
    assert "IoU_eval_thresh: 0.4 # <&>" in page.text
    names = [style["name"] for style in json.loads(page.scripts[0])["classes"]]
    assert names == ["cat & dog", "</script><script>alert(1)</script>", 'say "hi" <b>']


def test_the_summary_gives_the_figures(run_folder):
    """int8 0.605 and float 0.62 at the configured IoU, not at the first one evaluated."""
    text = page_of(run_folder).text
    assert "AP at IoU 0.40: 60.5 % as int8, 62.0 % as float (\N{MINUS SIGN}1.5 points)." in text
    assert "int8 is 1.5 points below float" in text
    assert "256 \N{MULTIPLICATION SIGN} 192" in text
    assert "2.00 MiB" in text
    assert "Training images 123" in text
    assert "Images evaluated 37" in text
    assert "Training time 1 min 23 s" in text
    assert "Use a score threshold of about 0.39" in text


def test_a_training_only_run_has_no_int8_part_and_says_so(run_folder):
    shutil.rmtree(run_folder / "evaluation/q8")
    shutil.rmtree(run_folder / "quantized_models")
    text = page_of(run_folder).text
    assert "AP at IoU 0.40: 62.0 % as float. This run contains no int8 evaluation." in text
    assert "This run contains no int8 model." in text
    assert "int8 \N{MINUS SIGN} float" not in text


def test_examples_carry_boxes_scores_and_outcomes(run_folder):
    page = page_of(run_folder)
    first = json.loads(page.scripts[0])["examples"][0]
    assert set(first["detections"]) == {"best_model", "q8"}
    by_score = {d["score"]: d["outcome"] for d in first["detections"]["q8"]}
    assert by_score == {0.95: 1, 0.85: 0, 0.6: 0, 0.3: 0, 0.12: 0}
    assert [t["ignored"] for t in first["truth"]] == [False, True]


def test_the_same_image_of_two_models_is_embedded_once(run_folder):
    page = page_of(run_folder)
    pictures = [address for address in page.addresses if address.startswith("data:")]
    # 2 examples, 3 pictures of each evaluation, a sample sheet of each split, 1 prediction.
    assert len(pictures) == 2 + 6 + 2 + 1


def test_the_same_files_give_the_same_bytes(run_folder):
    first = write_report(run_folder).read_bytes()
    assert write_report(run_folder).read_bytes() == first


BROKEN_CONTENT = {
    "not json": b"{",
    "wrong shape": b'{"ap": 7, "model": [], "image": 3}',
    "a list": b"[1, 2]",
    "text": b'"x"',
    "nan": b'{"a": NaN, "b": [1e999, Infinity]}',
    "deep": b"[" * 100_000,
    "no text": b"\xff\xfe\x00",
    "empty": b"",
}


@pytest.mark.parametrize("content", BROKEN_CONTENT.values(), ids=BROKEN_CONTENT.keys())
def test_no_content_of_any_file_stops_the_report(run_folder, content):
    """Each JSON file of the run replaced with the others whole, then every file at once."""
    for path in sorted(run_folder.rglob("q*/*.json")):
        before = path.read_bytes()
        path.write_bytes(content)
        assert set(page_of(run_folder).ids) >= SECTIONS
        path.write_bytes(before)
    for path in sorted(path for path in run_folder.rglob("*") if path.is_file()):
        path.write_bytes(content)
    assert set(page_of(run_folder).ids) >= SECTIONS


@pytest.mark.parametrize(
    "path",
    [
        "evaluation/q8/result.json",
        "evaluation/q8/examples.json",
        "evaluation/best_model/confusion.png",
        "data/train/check.json",
        "logs/metrics/train_metrics.csv",
        "quantized_models/detector.json",
        "quantized_models/quantization.json",
    ],
)
def test_a_broken_file_is_named(run_folder, path):
    (run_folder / path).write_bytes(b'{"torn')
    text = page_of(run_folder).text
    assert "1 file could not be shown" in text
    assert f"{path}:" in text


def test_a_lost_example_image_is_named_and_its_boxes_stay(run_folder, tmp_path):
    (tmp_path / "pictures/p&1.png").unlink()
    page = page_of(run_folder)
    assert "picture not available" in page.text
    assert f"{tmp_path}/pictures/p&1.png missing" in page.text
    assert len(json.loads(page.scripts[0])["examples"]) == 2


def test_a_missing_folder_is_a_users_error(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        write_report(tmp_path / "nowhere")


def test_the_counts_of_the_data_are_listed_by_class(run_folder):
    assert "cat & dog boxes 17, images 9" in page_of(run_folder).text


def html_of(run_folder: Path) -> str:
    return write_report(run_folder).read_text(encoding="utf-8")


def test_layers_stand_by_their_share_of_the_error(run_folder):
    """Costliest first, remarkable values bold, names escaped; none without a layer report."""
    assert "Share of the error" not in html_of(run_folder)
    layers = [
        {
            "name": f"layer <{number}>",
            "operator": "CONV_2D",
            "channels": 16,
            "sqnr_db": None if number == 3 else 30.0 - number,
            "saturated_share": 0.02 if number == 5 else 0.0,
            "dead_channels": number,
            "constant_channels": number + 1,
            "weight_spread": 31.4 if number == 7 else None,
            "cost_share": number / 190,
        }
        for number in range(20)
    ]
    folder = run_folder / "quantized_models"
    folder.mkdir(exist_ok=True)
    (folder / "layers.json").write_text(json.dumps(layers), encoding="utf-8")
    text = html_of(run_folder)
    places = [text.index(f"layer &lt;{number}&gt;") for number in range(20)]
    assert places == sorted(places, reverse=True)
    assert "<strong>11.0</strong>" in text
    assert "<strong>2.00</strong>" in text
    assert "<strong>31.4</strong>" in text
    assert "The other 5 layers" in text
    (folder / "layers.json").write_text("[{}]", encoding="utf-8")
    assert "layers.json" in html_of(run_folder)  # named as broken
