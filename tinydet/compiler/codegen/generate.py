"""All C files of a network: its own, and the kernels that it calls."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from tinydet.compiler.codegen.constants import Constants
from tinydet.compiler.codegen.header import header_text
from tinydet.compiler.codegen.model import GeneratedModel
from tinydet.compiler.codegen.network import NetworkCode
from tinydet.compiler.codegen.places import Places
from tinydet.compiler.codegen.self_test import self_test_files
from tinydet.compiler.codegen.source import source_text

FOLDER = "kernels"
_DEFINITION = re.compile(
    r"^(?:TD_SMALL )?(?!static)[a-z_][\w \t*]*?\b(td_\w+)\s*\([^;{]*\)\s*\{", re.MULTILINE
)
_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
_NAME = re.compile(r"\btd_\w+")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class GeneratedCode:
    """A network as freestanding C.

    Attributes:
        files: File name -> text: ``NAME.h`` and ``NAME.c``, ``NAME_weights.h`` and
            ``NAME_weights.c``, ``NAME_self_test.c`` and its header where there is a self-test, and
            the kernels that they use with their headers.
        tables: Parameters of a kernel -> the constant tables that they point at, by their names.
    """

    files: Mapping[str, str]
    tables: Mapping[str, tuple[str, ...]]


def generate(model: GeneratedModel) -> GeneratedCode:
    """Write a network as freestanding C.

    Args:
        model: The network, its memory plan and its name.

    Returns:
        The files; the same for the same input, byte for byte.

    Raises:
        CompilerError: Something has no kernel. All of it is named.
    """
    places, constants = Places(model.plan), Constants(model.name)
    network = NetworkCode(model.plan, places, constants, vectors=model.vectors)
    source, kernels = source_text(model, network, places, constants)
    operators = ["input", *(op.name for op in model.graph.ops)]
    files = {
        f"{model.name}.h": header_text(model),
        f"{model.name}.c": source,
        f"{model.name}_weights.h": constants.header(model.origin, operators),
        f"{model.name}_weights.c": constants.source(model.origin, operators),
    }
    if model.self_test_crcs:
        files |= self_test_files(model)
    return GeneratedCode(files | needed_files(kernels), constants.tables)


@cache
def kernel_sources() -> dict[str, str]:
    """All C files of the package: file name -> text."""
    folder = resources.files("tinydet.compiler") / FOLDER
    return {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith((".c", ".h"))
    }


def needed_files(functions: Iterable[str]) -> dict[str, str]:
    """The files that define some functions, with all that these include and call in turn.

    Args:
        functions: Names of C functions.

    Returns:
        File name -> text, sorted by name.

    Raises:
        KeyError: No file defines one of the functions: a bug, as the names are the package's.
    """
    sources = kernel_sources()
    homes = _homes()
    wanted = [homes[function] for function in sorted(set(functions))]
    files: set[str] = set()
    while wanted:
        file = wanted.pop()
        if file in files:
            continue
        files.add(file)
        code = _COMMENT.sub(" ", sources[file])
        wanted += [name for name in _INCLUDE.findall(code) if name in sources]
        if file.endswith(".c"):
            wanted += [homes[name] for name in _NAME.findall(code) if name in homes]
    return {file: sources[file] for file in sorted(files)}


@cache
def _homes() -> dict[str, str]:
    """Function -> the .c file that defines it."""
    return {
        function: file
        for file, text in kernel_sources().items()
        if file.endswith(".c")
        for function in _DEFINITION.findall(_COMMENT.sub(" ", text))
    }
