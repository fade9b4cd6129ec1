"""Files appear whole or not at all, and what is refused is said in one line."""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from tinydet.config.detector_spec import DetectorSpec, load_detector_spec
from tinydet.config.files import atomic_path, make_folder, require_space, write_text_atomically
from tinydet.errors import OutputError

Usage = namedtuple("Usage", ["total", "used", "free"])


def test_a_file_appears_whole_and_nothing_else(tmp_path: Path) -> None:
    write_text_atomically(tmp_path / "sub" / "a ü.txt", "text ß")
    assert (tmp_path / "sub" / "a ü.txt").read_text(encoding="utf-8") == "text ß"
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["a ü.txt"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_what_is_cut_short_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def cut_short() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        cut_short()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for write in (lambda path: write_text_atomically(path, "x"), make_folder):
        with pytest.raises(OutputError, match=r"file.a: cannot be written \(.*Free some space"):
            write(tmp_path / "file" / "a")


def test_missing_room_is_said_before_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9 << 20, 8 << 20, 1 << 20))
    require_space(tmp_path / "w.h5", 1 << 20)
    with pytest.raises(OutputError, match=r"w\.h5: needs 1\.5 MiB, only 1\.0 MiB are free\. Free"):
        require_space(tmp_path / "w.h5", 3 << 19)


def test_a_name_that_is_no_utf8_is_written_and_read_back(tmp_path: Path) -> None:
    """As JSON has it, and in a detector.json as the text of the escape."""
    write_text_atomically(tmp_path / "a.json", json.dumps({"é": "\udcff"}, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"é": "\udcff"}
    spec = DetectorSpec(class_names=("a",), provenance={"data": "x\udcff"})
    spec.save(tmp_path / "detector.json")
    assert load_detector_spec(tmp_path / "detector.json").provenance == {"data": "x\\udcff"}
