"""Builds of ``program.c``, which behaves like the self-test firmware."""

from pathlib import Path

from tinydet.targets.toolchain import FIRMWARE, Toolchain, zig_cc

CASES = ("PASS", "DIFFER", "FAULT", "LOOP", "SILENT")
# What program.c adds up: the bytes of its table, two numbers, and a high word.
CYCLES = (1 << 32) + 1000 + sum(b"$#}*\x03*") + 3 * 42 + 7
SCRIPT = """
ENTRY(td_reset)
MEMORY
{{
    FLASH (rx) : ORIGIN = {flash:#x}, LENGTH = 0x100000
    RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 0x10000
}}
SECTIONS
{{
    .vectors : {{ KEEP(*(.vectors)) }} > FLASH
    .text : {{ *(.text .text.* .td_startup .td_startup.* .rodata .rodata.*) }} > FLASH
    .stack (NOLOAD) : {{ td_stack_bottom = .; . = . + 0x1000; td_stack_top = .; }} > RAM
    .td_kernels : {{ td_kernels_begin = .; td_kernels_end = .; }} > RAM AT > FLASH
    td_kernels_load = LOADADDR(.td_kernels);
    .data : ALIGN(4)
    {{
        td_data_begin = .; *(.data .data.*) . = ALIGN(4); td_data_end = .;
    }} > RAM AT > FLASH
    td_data_load = LOADADDR(.data);
    .bss (NOLOAD) : ALIGN(4)
    {{
        td_bss_begin = .; *(.bss .bss.*) . = ALIGN(4); td_bss_end = .;
    }} > RAM
    /DISCARD/ : {{ *(.comment) *(.note.*) *(.ARM.attributes .ARM.exidx* .ARM.extab*) }}
}}
"""


def build_program(folder, case="PASS", *options, flash=0):
    """Link ``program.c`` with the start-up of the firmware; returns the ELF."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "program.ld"
    script.write_text(SCRIPT.format(flash=flash))
    machine = ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m7+fp_armv8d16sp")
    linker = ("-nostdlib", f"-Wl,-T,{script}", "-Wl,--gc-sections", "-Wl,-e,td_reset")
    flags = ("-O2", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
    toolchain = Toolchain("zig cc", zig_cc(*machine), flags, linker)
    sources = [
        Path(__file__).with_name("program.c"),
        FIRMWARE / "startup.c",
        FIRMWARE / "runtime.c",
    ]
    return toolchain.build(sources, folder / "program.elf", [f"-DCASE={case}", *options])
