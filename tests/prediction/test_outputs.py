"""Names of the drawn images."""

from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from tinydet.prediction.outputs import drawn_names

ROOT = PurePosixPath("in")
stems = st.sampled_from(["a", "A", "a.jpg", "a_2", "b.png", "c", "a.png_2", ".x"])
suffixes = st.sampled_from([".jpg", ".JPG", ".png", ".jpeg", ".bmp"])
folders = st.sampled_from(["", "s", "S", "s/t", "a.jpg"])


@given(
    st.lists(st.builds(lambda f, s, x: ROOT / f / (s + x), folders, stems, suffixes), unique=True)
)
def test_names_are_unique_jpgs_in_the_same_folder(paths):
    drawn = drawn_names(paths, ROOT)
    assert len({str(name).lower() for name in drawn}) == len(paths)
    assert all(name.suffix == ".jpg" and not name.is_absolute() for name in drawn)
    assert [ROOT / name.parent for name in drawn] == [path.parent for path in paths]


def test_plain_names_are_kept():
    paths = [ROOT / "a.jpg", ROOT / "b.PNG", ROOT / "s" / "a.jpg"]
    assert [str(name) for name in drawn_names(paths, ROOT)] == ["a.jpg", "b.jpg", "s/a.jpg"]
