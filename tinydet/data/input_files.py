"""Reading files of any origin: only regular ones, not beyond a size, JSON, XML and YAML bounded."""

import codecs
import json
import math
import os
import stat
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from tinydet.errors import DataError, readable

MIB = 1 << 20
MOST_IMAGE_BYTES = 1 << 30
MOST_TEXT_BYTES = 16 * MIB  # labels of one image, a list of images, a description
MOST_TABLE_BYTES = 4 << 30  # labels of a whole data set
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
REPLACE = "Replace the file or remove it from the data set."
KINDS = {
    stat.S_ISDIR: "is a folder, not a file",
    stat.S_ISFIFO: "is a named pipe, not a file",
    stat.S_ISSOCK: "is a socket, not a file",
    stat.S_ISCHR: "is a device, not a file",
    stat.S_ISBLK: "is a device, not a file",
}


def read_input(path: Path, most_bytes: int = MOST_IMAGE_BYTES, remedy: str = REPLACE) -> bytes:
    """The content of a regular file; nothing that would wait or never end is opened.

    Args:
        path: File.
        most_bytes: A larger file is refused before it is read.
        remedy: For the error, a full sentence.

    Raises:
        DataError: It is missing, no regular file, too large or not readable.
    """
    with open_input(path, remedy) as stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        if size_bytes > most_bytes:
            found = f"has {size_bytes / MIB:.0f} MiB, more than any such file needs"
            raise DataError(path, f"{found} ({most_bytes / MIB:.0f} MiB)", remedy)
        try:
            return stream.read(most_bytes)
        except OSError as error:
            raise unreadable(path, error, remedy) from None


@contextmanager
def open_input(path: Path, remedy: str = REPLACE) -> Iterator[BinaryIO]:
    """Open a regular file for reading bytes; nothing that would wait or never end is opened.

    Raises:
        DataError: It is missing, no regular file or may not be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise unreadable(path, error, remedy) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        found = next((found for is_kind, found in KINDS.items() if is_kind(mode)), "is not a file")
        raise DataError(path, found, remedy)
    with os.fdopen(descriptor, "rb") as stream:
        if stream.peek(len(LFS_POINTER)).startswith(LFS_POINTER):
            found = "is a pointer of Git LFS, not the file itself"
            raise DataError(path, found, "Fetch the files with 'git lfs pull'.")
        yield stream


def refuse_pointer(path: Path) -> None:
    """Refuse a file that Git LFS has not fetched, where another library will read it.

    Raises:
        DataError: It is none but a pointer, or ``open_input`` refuses it.
    """
    with open_input(path):
        pass


def unreadable(path: object, error: Exception, remedy: str) -> DataError:
    """The error of a file or folder that the system refuses to read, with advice that helps."""
    if isinstance(error, IsADirectoryError):
        return DataError(path, "is a folder, not a file", remedy)
    if isinstance(error, PermissionError):
        remedy = "Correct its permissions, or choose another path."
    what = getattr(error, "strerror", None) or error
    return DataError(path, f"cannot be read ({what})", remedy)


def read_text(path: Path, most_bytes: int = MOST_TEXT_BYTES) -> str:
    """A text file in UTF-8, or in UTF-16 with its byte order mark.

    Raises:
        DataError: It cannot be read or is not text.
    """
    content = read_input(path, most_bytes, "Correct or remove the file.")
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(path, "is not UTF-8 text", "Save it as UTF-8.") from None
    if "\0" in text:
        raise DataError(path, "is not text (it contains NUL bytes)", "Write the file again.")
    return text


def read_lines(path: Path) -> list[str]:
    """Lines of a text file; see ``read_text``."""
    return read_text(path).splitlines()


def read_json(path: Path, most_bytes: int = MOST_TABLE_BYTES) -> Any:
    """The value in a JSON file.

    Raises:
        DataError: It cannot be read or is not valid JSON.
    """
    content = read_input(path, most_bytes, "Correct or remove the file.")
    try:
        return json.loads(content)
    except RecursionError:
        found = "is not valid JSON (nested too deeply)"
    except UnicodeDecodeError:
        raise DataError(path, "is not UTF-8 text", "Save it as UTF-8.") from None
    except (ValueError, MemoryError) as error:  # of what is not a number, too: too many digits
        found = f"is not valid JSON ({readable(error)})"
    raise DataError(path, found, "Export the labels again.")


class _TextLoader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """Makes text, lists and mappings only; a key that stands twice has no meaning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """The mapping of a node."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key, count in Counter(keys).items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"the key {readable(twice, 60)} stands there twice")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """The value in a YAML file, every scalar as the text that stands there.

    ``yes`` stays ``yes`` and ``007`` stays ``007``: names of classes are no truth values and no
    numbers. Aliases share what they stand for, so a small file cannot grow in memory.

    Raises:
        DataError: It cannot be read or is no YAML.
    """
    text = read_text(path)
    try:
        return yaml.load(text, _TextLoader)
    except RecursionError:
        found = "cannot be read (nested too deeply)"
    except (yaml.YAMLError, ValueError, TypeError) as error:
        found = f"cannot be read ({readable(' '.join(str(error).split()))})"
    raise DataError(path, found, "Correct the file.")


def read_xml(path: Path, most_bytes: int = MOST_TEXT_BYTES) -> ET.Element:
    """The root of an XML file, tags without their namespaces.

    Entities of its own are refused: they can grow without bound, and no label file needs them.
    Where Python does not know the encoding that the file states, UTF-8 is tried.

    Raises:
        DataError: It cannot be read or is no XML.
    """
    content = read_input(path, most_bytes, "Correct or remove the file.")
    if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            path, "is not readable XML (it contains NUL bytes)", "Write the file again."
        )
    try:
        text = _xml_text(content)
        if "<!ENTITY" in text:
            raise ValueError("it declares entities, which are not supported")  # noqa: TRY301
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError, RecursionError, MemoryError) as error:
        found = f"is not readable XML ({readable(error)})"
        raise DataError(path, found, "Correct the file.") from None
    for element in root.iter():
        if isinstance(element.tag, str) and "}" in element.tag:
            element.tag = element.tag.rpartition("}")[2]
    return root


def _xml_text(content: bytes) -> str:
    """Decoded by us, so that the parser need not know the encoding."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    declaration = content[:200].partition(b"?>")[0]
    stated = "utf-8"
    if declaration.lstrip(codecs.BOM_UTF8).startswith(b"<?xml") and b"encoding" in declaration:
        value = declaration.partition(b"encoding")[2].lstrip(b" =").replace(b'"', b"'")
        stated = value.split(b"'")[1].decode("ascii", "replace") if b"'" in value else stated
    for encoding in (stated, "utf-8"):
        with suppress(LookupError, UnicodeError):
            text = codecs.decode(content, encoding)
            if isinstance(text, str):
                return text.removeprefix("\ufeff")
    raise ValueError(f"its text is not in its encoding, {readable(stated, 40)}, and not in UTF-8")


def number(value: object) -> float | None:
    """A finite number of a JSON value; None for all else (text, truth values, beyond a float).

    >>> number(2), number(10**400), number("2"), number(True), number(float("nan"))
    (2.0, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def text_number(text: str | None) -> float | None:
    """A finite number that a text spells; None for all else.

    >>> text_number(" 2.5 "), text_number("nan"), text_number("0_5"), text_number(None)
    (2.5, None, None, None)
    """
    try:
        return None if text and "_" in text else number(float(text or ""))
    except ValueError:
        return None
