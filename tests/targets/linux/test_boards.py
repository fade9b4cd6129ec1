import pytest

from tinydet.errors import UnsupportedError
from tinydet.targets.linux import linux_board, load_linux_boards
from tinydet.targets.linux.boards import ARCHITECTURES


def test_every_board_has_an_architecture_and_a_source():
    boards = load_linux_boards()
    assert {board.architecture for board in boards} == set(ARCHITECTURES)
    assert all(board.source and board.compiler_cpu for board in boards)
    assert len({board.name for board in boards}) == len(boards)


def test_any_machine_of_an_architecture_has_a_board():
    names = [board.name for board in load_linux_boards()]
    assert names[-len(ARCHITECTURES) :] == [f"linux-{name}" for name in ARCHITECTURES]


def test_no_machine_belongs_to_two_architectures():
    machines = [name for kind in ARCHITECTURES.values() for name in kind.machines]
    assert len(machines) == len(set(machines))


def test_a_misspelt_name_is_corrected():
    with pytest.raises(UnsupportedError, match=r"Did you mean 'STM32MP157F-DK2'\?"):
        linux_board("stm32mp157-dk2")
