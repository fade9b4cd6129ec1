"""Under JAX a step gets the pages of the step before: new ones would have to be cleared."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, threading
from tinydet.backends import BACKENDS
if sys.argv[1] == "kept":
    BACKENDS["jax"].keep_memory()
for step in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    # As XLA does: from another thread, in one block.
    thread = threading.Thread(target=lambda: b"x" * 100_000_000)
    thread.start()
    thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_the_second_step_takes_no_new_pages():
    faults = {
        mode: int(
            subprocess.run([sys.executable, "-c", FAULTS, mode], check=True, stdout=-1).stdout
        )
        for mode in ("kept", "as it is")
    }
    assert faults["kept"] < 1000
    assert faults["as it is"] > 10_000  # else the test shows nothing
