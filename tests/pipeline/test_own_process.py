"""Work in a process that computes with TensorFlow: results, messages and errors come through."""

import os
import sys

import pytest

from tinydet.errors import DataError
from tinydet.pipeline.own_process import with_tensorflow


def tell_backend(number, say):
    say("one")
    sys.stdout.write("what a library prints is no message\n")
    say("two")
    return os.environ["KERAS_BACKEND"], number + 1, os.getpid()


def refuse(_):
    raise DataError("image.png", "cannot be decoded", "Replace it.")


def fail(_):
    return {}["missing"]


def die(_):
    os._exit(3)


def test_result_and_messages(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    said = []
    backend, number, process = with_tensorflow(tell_backend, (41,), said.append)
    assert (backend, number) == ("tensorflow", 42)
    assert process != os.getpid()
    assert said == ["one", "two"]
    assert os.environ["KERAS_BACKEND"] == "torch"


def test_an_error_of_the_user_is_the_same_error():
    with pytest.raises(DataError) as caught:
        with_tensorflow(refuse, (), print)
    assert str(caught.value) == str(DataError("image.png", "cannot be decoded", "Replace it."))


@pytest.mark.parametrize(("work", "text"), [(fail, "KeyError: 'missing'"), (die, "status 3")])
def test_other_failures_are_told(work, text):
    with pytest.raises(RuntimeError, match=text):
        with_tensorflow(work, (), print)
