"""Keys that a board has no use for are told in one line and stop nothing."""

import pytest

from tinydet.config.loader import load_config
from tinydet.pipeline.board_stages import board_findings, unused_board_keys


def configuration(**values):
    given = {"operation_mode": "benchmarking", "general.model_path": "m.tflite"}
    given |= {f"benchmarking.{key}": value for key, value in values.items()}
    return load_config(None, [given]).config


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"board": "STM32H747I-DISCO", "host": "me@box"}, "benchmarking.host (only for Linux"),
        ({"board": "STM32MP157F-DK2", "via": "gdb://h:1"}, "benchmarking.via (only for micro"),
        ({"board": "STM32H747I-DISCO", "clock_mhz": 400.0}, "benchmarking.clock_mhz (only with"),
    ],
)
def test_keys_of_other_boards_are_told(values, told):
    config = configuration(**values)
    assert board_findings(config) == []
    assert told in unused_board_keys(config)


def test_nothing_is_told_where_all_applies():
    assert unused_board_keys(configuration(board="STM32H747I-DISCO", via="gdb://h:1")) is None


def test_an_unknown_board_is_a_finding():
    (finding,) = board_findings(configuration(board="STM32H747I-DISK"))
    assert "STM32H747I-DISCO" in finding
