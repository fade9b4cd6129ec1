"""The wheel and the sdist in a folder: what is in them, and whether an installed wheel works.

    python .ci/check_package.py dist [--extra compile] [--uv]
    python .ci/check_package.py dist --extra train,compile    # takes minutes: also tinydet demo

The wheel is installed into an empty environment of the Python that runs this script, which needs
nothing but the standard library. Every command runs in an empty folder, far from the checkout.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LARGEST_WHEEL_BYTES = 12_000_000  # six model files are 10.9 MB of it
LICENCES = ("LICENSE", "NOTICE", "tinydet/targets/linux/third_party/LICENSE.stb_image")
IN_SDIST = ("LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "pyproject.toml")
NOT_IN_SDIST = ("tests", "docs", "benchmarks", "configs", ".ci", ".github")
# Words of a command -> what its output contains. PICTURE is a generated image.
COMMANDS = (
    ("--version", r"^tinydet \d+\.\d+\.\d+$"),
    ("--versions", r"^numpy \d"),
    ("data generate data --images 8", r"data\.yaml"),
    ("predict person_192 PICTURE", r"1 image"),
    ("compile person_192 --output c", r"C files: c "),
    ("deploy person_192 --board mps2-an500 --output firmware", r"self-test passed"),
)
# Without TensorFlow, training is refused with what to install; with it, the demo trains.
REFUSED = ("train data", 2, r"pip install 'tinydet\[train\]'")
DEMO = ("demo", 0, r"report\.html")


def main() -> None:
    """Check everything; the first thing that is wrong ends the process with status 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dist", type=Path)
    parser.add_argument("--extra", default="compile", help="extras to install with the wheel")
    parser.add_argument("--uv", action="store_true", help="install with uv instead of pip")
    asked = parser.parse_args()
    wheel, sdist = only(asked.dist, "*.whl"), only(asked.dist, "*.tar.gz")
    check_wheel(wheel)
    check_sdist(sdist)
    with tempfile.TemporaryDirectory(prefix="package check ") as folder:  # with a space
        tinydet = install(wheel, Path(folder) / "environment", asked.extra, uv=asked.uv)
        place = Path(folder) / "somewhere else"
        place.mkdir()
        run_commands(tinydet, place, DEMO if "train" in asked.extra.split(",") else REFUSED)
    print("package: all checks passed")


def only(folder: Path, pattern: str) -> Path:
    """The one file of a kind."""
    found = sorted(folder.glob(pattern))
    expect(len(found) == 1, f"{folder} contains {len(found)} files {pattern} instead of 1")
    return found[0]


def expect(holds: bool, otherwise: str) -> None:
    """End the process where something does not hold."""
    if not holds:
        sys.exit(f"package: {otherwise}")


def tracked() -> dict[str, bytes]:
    """The files of the package as git has them in its working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "tinydet"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name: (ROOT / name).read_bytes() for name in listed.stdout.split("\0") if name}


def check_wheel(wheel: Path) -> None:
    """The wheel holds the tracked files of the package, its metadata and licences: no more."""
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    package = {name: data for name, data in content.items() if ".dist-info/" not in name}
    others = {name.partition(".dist-info/")[2] for name in content}
    wanted = tracked()
    missing, extra = sorted(wanted.keys() - package.keys()), sorted(package.keys() - wanted.keys())
    expect(not missing, f"not in the wheel: {missing}")
    expect(not extra, f"in the wheel, but not in git: {extra}")
    changed = [name for name in wanted if wanted[name] != package[name]]
    expect(not changed, f"not as in the checkout: {changed}")
    for licence in LICENCES:
        expect(f"licenses/{licence}" in others, f"no licence {licence} in the wheel")
    size = wheel.stat().st_size
    expect(size <= LARGEST_WHEEL_BYTES, f"{wheel.name} has {size} bytes")
    print(f"package: {wheel.name} has {size / 1e6:.2f} MB, {len(package)} files")


def check_sdist(sdist: Path) -> None:
    """The sdist holds what a wheel is built from, and no tests or pictures of the documents."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (*IN_SDIST, *tracked()):
        expect(name in names, f"not in the sdist: {name}")
    for folder in NOT_IN_SDIST:
        found = [name for name in names if name.split("/")[0] == folder]
        expect(not found, f"in the sdist: {found[:3]}")
    print(f"package: {sdist.name} has {sdist.stat().st_size / 1e6:.2f} MB, {len(names)} entries")


def install(wheel: Path, environment: Path, extra: str, *, uv: bool) -> Path:
    """An environment with the wheel and its dependencies; the program ``tinydet`` in it."""
    start = time.monotonic()
    wanted = f"{wheel.resolve()}[{extra}]" if extra else str(wheel.resolve())
    venv.create(environment, with_pip=not uv)
    folder = environment / ("Scripts" if os.name == "nt" else "bin")
    python = str(folder / "python")
    installer = (
        ["uv", "pip", "install", "--quiet", "--python", python]
        if uv
        else [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    subprocess.run([*installer, "-c", str(ROOT / "constraints.txt"), wanted], check=True)
    version = sysconfig.get_python_version()
    print(
        f"package: installed for Python {version} in {time.monotonic() - start:.0f} s", flush=True
    )
    program = shutil.which("tinydet", path=str(folder))
    expect(program is not None, f"no program tinydet in {folder}")
    return Path(str(program))


def run_commands(tinydet: Path, place: Path, last: tuple[str, int, str]) -> None:
    """Run every command in ``place``; its exit status and output must be as stated."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    for words, status, pattern in [*((w, 0, p) for w, p in COMMANDS), last]:
        picture = next(iter(sorted((place / "data" / "images").glob("*/*"))), Path("none"))
        given = [word.replace("PICTURE", str(picture)) for word in words.split()]
        start = time.monotonic()
        done = subprocess.run(
            [str(tinydet), *given],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        said = done.stdout + done.stderr
        expect(done.returncode == status, f"tinydet {words}: exit status {done.returncode}\n{said}")
        matches = re.search(pattern, said, re.MULTILINE) is not None
        expect(matches, f"tinydet {words}: no {pattern} in\n{said}")
        print(f"package: tinydet {words}: {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
