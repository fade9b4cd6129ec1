"""What native code writes to file descriptor 2 is collected, and only that."""

import os
import subprocess
import sys

import pytest

from tinydet.native_log import captured_native_log


def test_native_text_is_collected_and_the_descriptor_restored(capfd):
    with captured_native_log() as text:
        os.write(2, b"INFO: from C\n")
        os.write(2, b"more\n")
        assert text() == "INFO: from C\nmore\n"
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_descriptor_is_restored_after_an_error(capfd):
    with pytest.raises(ZeroDivisionError), captured_native_log():
        _ = 1 / 0
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_python_messages_stay_visible():
    code = (
        "import os, sys; from tinydet.native_log import captured_native_log\n"
        "with captured_native_log():\n"
        "    os.write(2, b'hidden\\n'); print('progress', file=sys.stderr)\n"
        "print('end', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "progress\nend\n"
