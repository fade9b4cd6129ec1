"""Kernels are compiled once for all builds of a session, not once for each folder they stand in.

A build writes the kernels of the package beside the network and compiles them there. The compiler
keeps what it compiled by the path of the file, so each folder costs it a second or two. Here the
kernels lie in a folder that is named after their content, where the compiler of another worker, of
another checkout and of tomorrow finds them again.
"""

import atexit
import filecmp
import getpass
import hashlib
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import tinydet.compiler
from tinydet.config.files import atomic_path
from tinydet.targets.linux.kernel_sets import PROGRAM
from tinydet.targets.toolchain import LANGUAGE, SEMANTICS, Toolchain

KERNELS = Path(tinydet.compiler.__file__).parent / "kernels"
IMAGE_LIBRARY = PROGRAM / "stb_image.c"


@cache
def _objects():
    folder = tempfile.TemporaryDirectory(prefix="tinydet-kernels-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def _kernels():
    """The folder that they are compiled in."""
    contents = {file.name: file.read_bytes() for file in sorted(KERNELS.glob("*.[ch]"))}
    key = hashlib.blake2b(repr(contents).encode(), digest_size=8).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"tinydet-kernels-{getpass.getuser()}-{key}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, content in contents.items():
        file = folder / name
        if not file.exists() or file.read_bytes() != content:
            with atomic_path(file) as temporary:
                temporary.write_bytes(content)
    return folder


def kernel_object(name, command):
    """A kernel as it stands in the package, compiled by this command; under its own name.

    Args:
        name: File in ``compiler/kernels``.
        command: Compiler and flags.
    """
    return _object(_kernels() / name, command)


@cache
def _object(source, command):
    key = hashlib.blake2b("\0".join(command).encode(), digest_size=8).hexdigest()
    place = _objects() / key / f"{source.stem}.o"
    place.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        [*command, "-c", str(source), "-o", str(place)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return place


@cache
def _words():
    """All names in the kernels: a macro that is not among them is none of theirs."""
    return {word for file in KERNELS.iterdir() for word in re.findall(r"\w+", file.read_text())}


def _concerns_kernels(macro):
    return re.split(r"\W", macro.removeprefix("-D"), maxsplit=1)[0] in _words()


def _is_of_the_package(source):
    """Whether a kernel and all headers beside it are those of the package."""
    headers = [file.name for file in source.parent.glob("td_*.h") if (KERNELS / file.name).exists()]
    return (KERNELS / source.name).exists() and all(
        filecmp.cmp(source.with_name(name), KERNELS / name, shallow=False)
        for name in (source.name, *headers)
    )


def share_kernels(monkeypatch):
    """Let every build by zig take these objects in place of compiling the same text again.

    The same holds for the library that reads images on Linux boards, which knows of no model.
    """
    build = Toolchain.build

    def build_the_rest(toolchain, sources, output, macros):
        if toolchain.keeps_names and toolchain.name.startswith("zig"):
            command = (*toolchain.command, *LANGUAGE, *SEMANTICS, *toolchain.flags)
            of_kernels = (*command, *filter(_concerns_kernels, macros))
            of_library = (*command, *(m for m in macros if not m.startswith(("-DTD_", "-I"))))
            sources = [
                kernel_object(source.name, of_kernels)
                if _is_of_the_package(source)
                else _object(source, of_library)
                if source == IMAGE_LIBRARY
                else source
                for source in sources
            ]
        return build(toolchain, sources, output, macros)

    monkeypatch.setattr(Toolchain, "build", build_the_rest)
