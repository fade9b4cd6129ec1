"""Sections ``benchmarking`` and ``deployment``: the board, and how it is reached."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tinydet.config.schema.values import File, Number, Section, Text, choice, to_list_or_single

ExternalMemory = Annotated[Literal["flash", "ram"], choice(Literal["flash", "ram"])]


class BenchmarkingSection(Section):
    """``benchmarking``: which board is measured.

    Attributes:
        board: Name of the board. For a microcontroller, the instructions are counted on an emulated
            core and the memory is read from the linked program; a Linux board is measured if
            ``host`` is given.
        via: ``gdb://HOST:PORT`` of a GDB server: the board behind it is measured.
        clock_mhz: Clock of the core, to convert cycles to milliseconds.
        host: ``user@address`` of a Linux board; by default that of ``deployment``.
    """

    board: Text | None = None
    via: Text | None = None
    clock_mhz: Annotated[Number, Field(gt=0)] | None = None
    host: Text | None = None


class HardwareSection(Section):
    """``deployment.hardware_setup``: the board and what is connected.

    Attributes:
        board: Name of the board.
        ip_address: ``user@address`` of a Linux board; the default user is ``root``.
    """

    board: Text | None = None
    ip_address: Text | None = None

    @property
    def host(self) -> str | None:
        """``user@address`` of a Linux board."""
        if self.ip_address is None or "@" in self.ip_address:
            return self.ip_address
        return f"root@{self.ip_address}"


class DeploymentSection(Section):
    """``deployment``: where the detector goes.

    Attributes:
        hardware_setup: The board.
        label_file_path: File with class names, one per line, for a model without class names; used
            if ``dataset.class_names`` is not written.
        board_deploy_path: Folder on a Linux board.
        external: What is placed in memory outside of a microcontroller: ``flash`` for the weights,
            ``ram`` for the activations.
    """

    hardware_setup: HardwareSection | None = None
    label_file_path: File | None = None
    board_deploy_path: Text | None = None
    external: Annotated[tuple[ExternalMemory, ...], BeforeValidator(to_list_or_single)] = ()
