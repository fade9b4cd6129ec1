"""All C files of a network."""

from tinydet.compiler.codegen.header import header_text
from tinydet.compiler.codegen.kernel_files import needed_files
from tinydet.compiler.codegen.model import GeneratedModel
from tinydet.compiler.codegen.source import source_text


def generate(model: GeneratedModel) -> dict[str, str]:
    """Write a network as freestanding C11.

    Args:
        model: The network, its memory plan and its name.

    Returns:
        File name -> text: ``NAME.c``, ``NAME.h``, and the kernels that they use with their
        headers. The same for the same input, byte for byte.

    Raises:
        CompilerError: Something has no kernel. All of it is named.
    """
    source, kernels = source_text(model)
    files = {f"{model.name}.c": source, f"{model.name}.h": header_text(model)}
    return files | needed_files(kernels)
