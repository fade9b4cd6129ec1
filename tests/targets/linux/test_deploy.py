"""Onto a board and running there, over a real SSH connection to this machine."""

import shlex
import time
from pathlib import PurePosixPath

import pytest

from tests.targets.linux.pictures import write_pictures
from tinydet.errors import DataError, UnsupportedError
from tinydet.targets.linux import (
    RemoteError,
    Source,
    compare_with_pc,
    deploy,
    deploy_linux,
    linux_board,
    ssh,
)
from tinydet.targets.linux.deploy import run_program
from tinydet.targets.linux.install import board_folder, install, probe

FOLDER = PurePosixPath("apps/tinydet")
PROGRAM = bytes(range(256)) * 8192  # 2 MiB


@pytest.fixture
def built(native, monkeypatch):
    """No test builds again what one has built."""
    monkeypatch.setattr(deploy, "build_program", lambda *_: native)


def deploy_small(small_model, native_board, board, tmp_path, **options):
    return deploy_linux(small_model, native_board, board.host, build_folder=tmp_path, **options)


@pytest.mark.usefixtures("built")
def test_images_of_this_machine(small_model, native_board, pc_program, board, tmp_path):
    """The boxes are those of this machine; the images are not left on the board."""
    paths = tuple(write_pictures(tmp_path, 20, suffixes=(".png", ".jpg", ".webp", ".bmp")))
    deployed = deploy_small(
        small_model,
        native_board,
        board,
        tmp_path,
        folder_on_board="apps/my detector",
        source=Source(images=paths),
    )
    comparison = compare_with_pc(pc_program, paths, deployed.results)
    assert comparison.num_same == 20
    assert str(comparison) == "20 images: same boxes as on this machine"
    assert deployed.program == "apps/my detector/small"
    assert not deployed.was_there
    left = [path.name for path in (board.home / "apps/my detector").iterdir()]
    assert left == ["small"]


@pytest.mark.usefixtures("built")
def test_damaged_images_of_this_machine(small_model, native_board, pc_program, board, tmp_path):
    """The board says what is wrong with a file, and goes on."""
    paths = tuple(write_pictures(tmp_path, 3))
    paths[1].write_bytes(paths[1].read_bytes()[:100])
    source = Source(images=paths)
    results = deploy_small(small_model, native_board, board, tmp_path, source=source).results
    assert results[1] == {"file": str(paths[1]), "error": "is truncated"}
    comparison = compare_with_pc(pc_program, paths, results)
    assert (comparison.num_same, comparison.not_compared) == (2, [str(paths[1])])


@pytest.mark.usefixtures("built")
def test_images_of_the_board(small_model, native_board, board, tmp_path):
    folder = board.home / "pictures"
    folder.mkdir()
    write_pictures(folder, 3)
    source = Source(on_board=("pictures", "none.png"))
    results = deploy_small(small_model, native_board, board, tmp_path, source=source).results
    assert [record["file"] for record in results[:3]] == [
        f"pictures/picture {i:02}{suffix}" for i, suffix in enumerate([".png", ".bmp", ".png"])
    ]
    assert results[3] == {"file": "none.png", "error": "No such file or directory"}


@pytest.mark.usefixtures("built")
def test_what_is_there_already_is_not_copied(small_model, native_board, board, tmp_path):
    first = deploy_small(small_model, native_board, board, tmp_path)
    second = deploy_small(small_model, native_board, board, tmp_path)
    assert (first.was_there, second.was_there) == (False, True)
    assert first.results == ()


def test_a_greeting_of_the_board_is_no_result(board):
    board.server.stub("small", 'echo "Welcome!"; echo "{\\"file\\": \\"a\\"}"')
    program = str(board.server.stubs / "small")
    records = list(run_program(board.host, program, Source(on_board=("a",))))
    assert records == [{"file": "a"}]


def test_another_processor_is_found_before_anything_is_built(small_model, board, tmp_path):
    """The message names the board that it would be."""
    board.server.claim_machine("armv7l")
    with pytest.raises(
        RemoteError,
        match=r"runs Linux on armv7l; STM32MP257F-EV1 is aarch64 or arm64\. Choose --board "
        r"STM32MP157F-DK2 or STM32MP135F-DK or linux-armv7\.",
    ):
        deploy_linux(
            small_model, linux_board("STM32MP257F-EV1"), board.host, build_folder=tmp_path / "no"
        )
    assert not (tmp_path / "no").exists()
    assert len(board.server.commands) == 1


@pytest.mark.parametrize(("machine", "system"), [("armv6l", "Linux"), ("arm64", "Darwin")])
def test_machines_without_a_program(board, machine, system):
    board.server.claim_machine(machine, system)
    with pytest.raises(RemoteError, match=f"runs {system} on {machine}; .* It cannot be used"):
        probe(board.host, linux_board("linux-armv7"), FOLDER)


def test_probe_tells_kernel_and_space(board):
    board.server.claim_machine("armv7l")
    kernel, free_kib = probe(board.host, linux_board("STM32MP157F-DK2"), FOLDER)
    assert kernel == "Linux 6.1.82 armv7l"
    assert free_kib > 1000
    assert (board.home / FOLDER).is_dir()


def test_a_folder_that_cannot_be_made_is_said(board):
    (board.home / "apps").write_text("a file")
    with pytest.raises(RemoteError, match=r"folder apps/tinydet cannot be made \(.*apps.*--folder"):
        probe(board.host, linux_board("linux-x86_64"), FOLDER)


@pytest.mark.parametrize("folder", ["apps/tinydet", "-p", "it's a $HOME; x", "."])
def test_install_replaces_an_older_program(board, folder):
    there = board_folder(folder) / "small"
    assert not install(board.host, b"old", there)
    assert not install(board.host, PROGRAM, there)
    path = board.home / folder / "small"
    assert path.read_bytes() == PROGRAM
    assert path.stat().st_mode & 0o777 == 0o755
    assert [p.name for p in path.parent.iterdir()] == ["small"]


def old_program_is_whole(board):
    """The old program under its name, and soon nothing beside it."""
    path = board.home / FOLDER / "small"
    end = time.monotonic() + 120  # only a hang takes longer
    while len(list(path.parent.iterdir())) > 1 and time.monotonic() < end:
        time.sleep(0.05)
    return path.read_bytes() == b"old" and [p.name for p in path.parent.iterdir()] == ["small"]


def test_ctrl_c_in_the_middle_of_a_copy_leaves_nothing(board, monkeypatch):
    """Half is sent, then the user stops: the old program stays, and no half one beside it."""
    install(board.host, b"old", FOLDER / "small")

    def send_half(process, content):
        process.stdin.write(next(iter(content))[: len(PROGRAM) // 2])
        process.stdin.flush()
        raise KeyboardInterrupt

    monkeypatch.setattr(ssh, "_feed", send_half)
    with pytest.raises(KeyboardInterrupt):
        install(board.host, PROGRAM, FOLDER / "small")
    assert old_program_is_whole(board)


def test_a_client_that_is_killed_in_the_middle_leaves_nothing(board, monkeypatch):
    install(board.host, b"old", FOLDER / "small")

    def send_half(process, content):
        process.stdin.write(next(iter(content))[: len(PROGRAM) // 2])
        process.stdin.flush()
        process.kill()

    monkeypatch.setattr(ssh, "_feed", send_half)
    with pytest.raises((RemoteError, RuntimeError)):
        install(board.host, PROGRAM, FOLDER / "small")
    assert old_program_is_whole(board)


def test_a_board_that_loses_power_never_has_half_under_the_name(board, monkeypatch):
    install(board.host, b"old", FOLDER / "small")

    def send_half(process, content):
        process.stdin.write(next(iter(content))[: len(PROGRAM) // 2])
        process.stdin.flush()
        board.server.stop()

    monkeypatch.setattr(ssh, "_feed", send_half)
    with pytest.raises(RemoteError):
        install(board.host, PROGRAM, FOLDER / "small")
    assert (board.home / FOLDER / "small").read_bytes() == b"old"


def test_a_full_disk_is_said_and_leaves_nothing(board):
    install(board.host, b"old", FOLDER / "small")
    board.server.stub(
        "cat", 'head -c 1000; echo "cat: write error: No space left on device" >&2; exit 1'
    )
    with pytest.raises(
        RemoteError, match=r":apps/tinydet: has no space left\. Free some space there"
    ):
        install(board.host, PROGRAM, FOLDER / "small")
    assert old_program_is_whole(board)
    with pytest.raises(RemoteError, match=r"needs 2112 KiB, 100 KiB are free"):
        install(board.host, PROGRAM, FOLDER / "small", free_kib=100)


def test_a_copy_that_differs_is_refused(board):
    """One wrong byte of the right number of bytes."""
    install(board.host, b"old", FOLDER / "small")
    board.server.stub("cat", "printf x; tail -c +2")
    with pytest.raises(RemoteError, match="differs from the original"):
        install(board.host, PROGRAM, FOLDER / "small")
    assert old_program_is_whole(board)


def test_a_name_that_cannot_be_taken_is_said(board):
    (board.home / FOLDER / "small").mkdir(parents=True)
    with pytest.raises(RemoteError, match="cannot be renamed in apps/tinydet"):
        install(board.host, PROGRAM, FOLDER / "small")
    assert list((board.home / FOLDER / "small").iterdir()) == []
    (board.home / FOLDER / "small").rmdir()
    board.server.stub("mv", 'echo "mv: cannot move: Permission denied" >&2; exit 1')
    with pytest.raises(RemoteError, match=r"cannot be renamed in apps/tinydet \(mv: .*denied\)"):
        install(board.host, PROGRAM, FOLDER / "small")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo '/dev/video0: delivers no frames (waited 5 s)' >&2; exit 3", "delivers no frames"),
        ("kill -ILL $$", r"signal 4\. Illegal instruction .* --board"),
        ("kill -KILL $$", r"signal 9\. .*memory"),
    ],
)
def test_a_program_that_fails_is_said(board, script, message):
    board.server.stub("small", script)
    program = str(board.server.stubs / "small")
    with pytest.raises(RemoteError, match=message):
        list(run_program(board.host, program, Source(camera="/dev/video0")))


def test_a_program_that_may_not_be_started_is_said(board):
    (board.home / "small").write_bytes(PROGRAM)
    with pytest.raises(RemoteError, match=r"cannot start small .*noexec"):
        list(run_program(board.host, "small", Source(on_board=("a.png",))))


def test_an_image_of_this_machine_that_is_missing_is_said(board, tmp_path):
    board.server.stub("small", "cat > /dev/null")
    program = str(board.server.stubs / "small")
    with pytest.raises(DataError, match=r"missing\.png: cannot be read"):
        list(run_program(board.host, program, Source(images=(tmp_path / "missing.png",))))


def test_arguments_of_each_source(tmp_path):
    assert Source().arguments() == []
    assert Source(on_board=("-a b", "c")).arguments() == ["--", "-a b", "c"]
    camera = Source(camera="/dev/video2", camera_size=(480, 800), max_frames=3)
    assert shlex.join(camera.arguments()) == "--camera /dev/video2 --size 800x480 --frames 3"
    with pytest.raises(UnsupportedError, match=r"a\.mp4: \.mp4 is not supported .* PNG"):
        Source(images=(tmp_path / "a.mp4",))


@pytest.mark.parametrize(
    ("given", "path"), [("~/", "."), ("-x", "-x"), ("/opt/a b", "/opt/a b"), ("a/../b", "a/../b")]
)
def test_folders_on_the_board(given, path):
    assert str(board_folder(given)) == path
