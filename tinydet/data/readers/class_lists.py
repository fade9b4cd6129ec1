"""Files that name the classes, one per line, their number being the line's."""

from pathlib import Path

from tinydet.data.input_files import read_lines
from tinydet.data.readers.label_folders import NAME_FILES, label_folders
from tinydet.data.readers.parts import IMAGE_FOLDERS, part_of_folder
from tinydet.errors import DataError, readable


def names_from_files(path: Path, images: list[Path]) -> dict[int, str] | None:
    """Names from ``classes.txt`` and the like, in, above or in ``labels`` beside the images."""
    folders = [path, path / "labels", path / "Labels"]
    for parent in dict.fromkeys(image.parent for image in images):
        folders += [parent, *label_folders(parent)]
    name = path.name.lower()
    if name in IMAGE_FOLDERS or part_of_folder(name):
        folders += [path.parent, path.parent.parent, path.parent / "labels"]
    stems = {(image.parent, image.stem.lower()) for image in images}
    for folder in dict.fromkeys(folders):
        for name in NAME_FILES:
            file = folder / name
            if file.is_file() and (folder, file.stem) not in stems:
                return class_list(file)
    return None


def class_list(file: Path) -> dict[int, str]:
    """Names in a file, one per line: class id to name; an empty line is a number without a name."""
    lines = map(str.strip, read_lines(file))
    names = {number: name for number, name in enumerate(lines) if name}
    refuse_repeated(list(names.values()), file)
    return names


def refuse_repeated(names: list[str], file: Path) -> None:
    """Refuse a name that stands twice.

    Raises:
        DataError: Names it.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            found = f"the class {readable(name)!r} is given twice"
            raise DataError(file, found, "Name each class once.")
        seen.add(name)
