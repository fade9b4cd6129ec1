"""The C compilers: zig cc for every machine, an installed arm-none-eabi-gcc where asked for."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tinydet.compiler import CompiledNetwork
from tinydet.config.files import make_folder, write_text_atomically
from tinydet.errors import FaultError, MissingToolError
from tinydet.progress import stage

FIRMWARE = Path(__file__).parent / "firmware"
INSTALL_REMEDY = "Install it with: pip install 'tinydet[compile]'."
ARM_GCC = "arm-none-eabi-gcc"
Compiler = Literal["zig", "arm-none-eabi-gcc"]
LANGUAGE = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror")
# Contraction to fused multiply-add would round boxes differently from NumPy; errno, traps and
# strict aliasing matter to no kernel.
SEMANTICS = ("-ffp-contract=off", "-ffreestanding", "-ffunction-sections", "-fdata-sections")
MAX_MESSAGE_LINES = 6


@dataclass(frozen=True)
class Core:
    """A Cortex-M processor with a single-precision FPU, and how the compilers call it.

    Attributes:
        zig: Flags of zig cc.
        gcc: Flags of arm-none-eabi-gcc.
        definitions: What the kernels cannot tell from these; without ``-D``.
    """

    zig: tuple[str, ...]
    gcc: tuple[str, ...]
    definitions: tuple[str, ...] = ()


def _core(zig_cpu: str, gcc_cpu: str, gcc_fpu: str, *definitions: str) -> Core:
    return Core(
        ("-target", "thumb-freestanding-eabihf", f"-mcpu={zig_cpu}"),
        ("-mthumb", "-mfloat-abi=hard", f"-mcpu={gcc_cpu}", f"-mfpu={gcc_fpu}"),
        definitions,
    )


CORES = {
    "cortex-m4": _core("cortex_m4+vfp4d16sp", "cortex-m4", "fpv4-sp-d16"),
    "cortex-m7": _core("cortex_m7+fp_armv8d16sp", "cortex-m7", "fpv5-sp-d16", "TD_CORTEX_M7"),
    "cortex-m33": _core("cortex_m33+dsp+fp_armv8d16sp", "cortex-m33", "fpv5-sp-d16"),
    "cortex-m55": _core("cortex_m55+dsp+mve+fp_armv8d16sp", "cortex-m55", "auto"),
    "cortex-m85": _core("cortex_m85+dsp+mve+fp_armv8d16sp", "cortex-m85", "auto"),
}


class BuildError(FaultError):
    """A C compiler refused the generated files."""


@dataclass(frozen=True)
class Toolchain:
    """One way to turn C into machine code.

    Attributes:
        name: For messages.
        command: The compiler with the flags that choose the machine.
        flags: Optimisation and other flags of each C file.
        link_flags: Flags of the last step.
        keeps_names: Given all C files at once, the compiler still names the object files after
            them, which linker scripts go by. Zig does, and uses all cores.
    """

    name: str
    command: tuple[str, ...]
    flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    keeps_names: bool = True

    @stage("build the program")
    def build(self, sources: Sequence[Path], output: Path, macros: Sequence[str]) -> Path:
        """Compile each file and link them.

        Args:
            sources: C files.
            output: The linked file. Objects that have to be kept lie beside it.
            macros: ``-D`` and ``-I`` options.

        Returns:
            ``output``.

        Raises:
            BuildError: The compiler ended with an error.
        """
        options = [*LANGUAGE, *SEMANTICS, *self.flags, *macros]
        inputs = list(map(str, sources))
        if not self.keeps_names:
            inputs = [str(output.with_name(f"{source.stem}.o")) for source in sources]
            for source, target in zip(sources, inputs, strict=True):
                self._execute([*options, "-c", str(source), "-o", target], output)
            options = []
        self._execute([*options, *inputs, *self.link_flags, "-o", str(output)], output)
        return output

    def _execute(self, arguments: Sequence[str], output: Path) -> None:
        result = subprocess.run(
            [*self.command, *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if result.returncode:
            lines = [line for line in result.stderr.splitlines() if "error" in line.lower()]
            shown = "; ".join((lines or result.stderr.splitlines())[:MAX_MESSAGE_LINES])
            raise BuildError(
                output,
                f"{self.name} failed ({shown or f'exit status {result.returncode}'})",
                "Free disk space, or correct the installation of the compiler; an error in the "
                "C itself is a bug in tinydet, please report it.",
            )


def require_package(module: str, wish: str) -> None:
    """Check that an optional package is there.

    Args:
        module: Name to import, as ``"unicorn"``.
        wish: What needs it, for the message.

    Raises:
        MissingToolError: It is not installed.
    """
    if importlib.util.find_spec(module) is None:
        raise MissingToolError(wish, module, INSTALL_REMEDY)


def zig_cc(*machine: str) -> tuple[str, ...]:
    """Command of the clang in the ziglang package, for a machine (default: this one).

    Raises:
        MissingToolError: ziglang is not installed.
    """
    require_package("ziglang", "compiling C")
    # Zig adds trapping sanitizers of its own to unoptimised code.
    return (sys.executable, "-m", "ziglang", "cc", *machine, "-fno-sanitize=undefined")


def shared_library_flags() -> tuple[str, ...]:
    """Link flags of a shared library of freestanding C for this machine."""
    # Without its run-time library, which zig would first build: minutes on a fresh machine. What
    # compilers call by themselves (memcpy) is in every process on Linux.
    return ("-shared", "-nostdlib") if sys.platform == "linux" else ("-shared",)


def arm_gcc(*machine: str) -> tuple[str, ...]:
    """Command of the installed Arm GCC.

    Raises:
        MissingToolError: It is not on the PATH.
    """
    path = shutil.which(ARM_GCC)
    if path is None:
        raise MissingToolError(
            f"compiling with {ARM_GCC}", ARM_GCC, "Install it, or compile with zig (the default)."
        )
    return (path, *machine)


def cortex_m_toolchain(core: Core, compiler: Compiler, script: Path) -> Toolchain:
    """The compiler of an image that is linked by a linker script, without any library of C.

    Args:
        core: The processor.
        compiler: ``zig`` or an installed ``arm-none-eabi-gcc``.
        script: The linker script.

    Raises:
        MissingToolError: The compiler is not installed.
    """
    flags = (
        "-O2",
        "-fno-unwind-tables",
        "-fno-asynchronous-unwind-tables",
        *(f"-D{definition}" for definition in core.definitions),
    )
    linker = ("-nostdlib", f"-Wl,-T,{script}", "-Wl,--gc-sections", "-Wl,-e,td_reset")
    if compiler == "zig":
        return Toolchain("zig cc", zig_cc(*core.zig), flags, linker)
    command = arm_gcc(*core.gcc)
    return Toolchain(compiler, command, flags, (*linker, "-lgcc"), keeps_names=False)


def write_sources(network: CompiledNetwork, folder: Path) -> list[Path]:
    """Write the C files of a network.

    Args:
        network: The network, or detector.
        folder: Created; files of the same names are replaced.

    Returns:
        Paths of the ``.c`` files.

    Raises:
        OutputError: The folder cannot be written to.
    """
    make_folder(folder)
    for name, text in network.sources.items():
        write_text_atomically(folder / name, text)
    return [folder / name for name in sorted(network.sources) if name.endswith(".c")]


def model_macros(network: CompiledNetwork, folder: Path) -> list[str]:
    """``-D`` and ``-I`` options by which the C files of ``firmware/`` find the model."""
    # By its whole path: the model may be called like a header of the program around it.
    header = folder.resolve() / f"{network.name}.h"
    outside = [] if network.input_mode == "image" else ["-DTD_INPUT_OUTSIDE"]
    outputs = " ".join(f"TD_EACH({member})" for member in network.outputs)
    return [
        *outside,
        f"-DTD_INPUT_BYTES={network.input.size_bytes}",
        f"-DTD_OUTPUTS(TD_EACH)={outputs}",
        f"-I{folder}",
        f'-DTD_MODEL_HEADER="{header.as_posix()}"',
        f"-DTD_MODEL(member)={network.name}_##member",
        f"-DTD_MODEL_MACRO(member)={network.macro_prefix}_##member",
    ]
