"""Which object files of a program are the model's."""

from fnmatch import fnmatchcase

import pytest

from tinydet.targets.linker_script import MemoryMap, MemoryRegion, linker_script

FLASH, RAM = MemoryRegion("FLASH", 0, 1024), MemoryRegion("RAM", 0x20000000, 1024)


@pytest.mark.parametrize("ending", [".o", ".c.o", ".c.obj"])
@pytest.mark.parametrize("folder", ["/tmp/build/", "CMakeFiles/firmware.dir/model/", "C:\\build\\"])
def test_only_the_models_own_objects_are_placed_as_its_own(folder, ending):
    """A model may be called like the end of a kernel's name: td_conv.o is not of the model conv."""
    script = linker_script(MemoryMap(FLASH, FLASH, RAM, RAM), "conv", 4096)
    weights = script.split(".td_weights : {")[1].split("}")[0]
    patterns = [part.split("(")[0] for part in weights.split() if "conv" in part]
    own = [f"{folder}{stem}{ending}" for stem in ("conv", "conv_weights")]
    others = [f"{folder}{stem}{ending}" for stem in ("td_conv", "my_conv", "td_conv_weights")]
    assert all(any(fnmatchcase(path, pattern) for pattern in patterns) for path in own)
    assert not any(fnmatchcase(path, pattern) for path in others for pattern in patterns)
    assert script.count("@") == 0


def test_kernels_are_copied_to_ram_for_code_where_there_is_some():
    """Else they lie in the program's memory, and start-up copies nothing."""
    itcm = MemoryRegion("ITCM", 32, 16352)
    for memory, region in (
        (MemoryMap(FLASH, FLASH, RAM, RAM), "FLASH"),
        (MemoryMap(FLASH, FLASH, RAM, RAM, itcm), "ITCM"),
    ):
        script = linker_script(memory, "conv", 4096)
        assert f'REGION_ALIAS("KERNELS", {region})' in script
        kernels = script.split(".td_kernels :")[1].split("\n")[0]
        assert "]td_conv.o(.text .text.*)" in kernels
        assert "> KERNELS AT > PROGRAM" in kernels
