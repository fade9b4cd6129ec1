"""What the user names is told apart by itself."""

from pathlib import Path

import pytest

from tinydet.errors import DataError, UnsupportedError
from tinydet.prediction.sources import FrameStream, ImageFiles, resolve_source


@pytest.fixture
def tree(tmp_path):
    for name in ("a.jpg", "b.PNG", "notes.txt", "sub/c.webp", "sub/deep/d.bmp", "clip.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(files, root):
    return [path.relative_to(root).as_posix() for path in files.paths]


@pytest.mark.parametrize("source", [2, "2", "camera:2", "/dev/video2", Path("/dev/video2")])
def test_cameras(source):
    assert resolve_source(source) == FrameStream(Path("camera:2"), 2)


def test_video_by_suffix(tree):
    assert resolve_source(str(tree / "clip.mp4")) == FrameStream(tree / "clip.mp4", None)


def test_single_file(tree):
    assert resolve_source(tree / "a.jpg") == ImageFiles((tree / "a.jpg",), tree, True)


def test_folder_with_all_below(tree):
    files = resolve_source(tree)
    assert names(files, tree) == ["a.jpg", "b.PNG", "sub/c.webp", "sub/deep/d.bmp"]
    assert (files.root, files.is_single) == (tree, False)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["a.jpg", "b.PNG"]),
        ("*.jpg", ["a.jpg"]),
        ("**/*.[bw]*", ["sub/c.webp", "sub/deep/d.bmp"]),
        ("sub/?.webp", ["sub/c.webp"]),
    ],
)
def test_patterns(tree, pattern, expected):
    files = resolve_source(f"{tree}/{pattern}")
    assert names(files, tree) == expected
    assert all(files.root in path.parents for path in files.paths)


def test_existing_name_with_brackets_is_no_pattern(tree):
    (tree / "a[1].jpg").touch()
    assert resolve_source(str(tree / "a[1].jpg")).paths == (tree / "a[1].jpg",)


def test_list_of_files_and_folders_has_each_once(tree):
    files = resolve_source([tree / "sub" / "c.webp", str(tree / "sub"), tree / "a.jpg"])
    assert names(files, tree) == ["sub/c.webp", "sub/deep/d.bmp", "a.jpg"]
    assert files.root == tree


def test_relative_and_absolute_names_in_one_list(tree, monkeypatch):
    monkeypatch.chdir(tree)
    files = resolve_source(["a.jpg", tree / "sub", "sub/../a.jpg"])
    assert names(files, tree) == ["a.jpg", "sub/c.webp", "sub/deep/d.bmp"]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("nowhere.jpg", "nowhere.jpg: does not exist"),
        ("*.gif", r"\*\.gif: matches no image"),
        ("empty", "empty: contains no image"),
        ([], "source: is an empty list"),
        (["a.jpg", "nowhere"], "/nowhere: does not exist"),
    ],
)
def test_missing_sources_are_named(tree, monkeypatch, source, complaint):
    monkeypatch.chdir(tree)
    (tree / "empty").mkdir()
    with pytest.raises(DataError, match=complaint):
        resolve_source(source)


@pytest.mark.parametrize("entry", ["clip.mp4", "camera:0"])
def test_streams_in_a_list_are_refused(tree, entry):
    with pytest.raises(UnsupportedError, match="in a list is not supported"):
        resolve_source([tree / "a.jpg", entry])
