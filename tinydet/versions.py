"""Which packages made a result."""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of the packages that are installed, by name.

    Args:
        packages: Names in the package index, as ``"ai-edge-litert"``.
    """
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


PACKAGES = (
    "tinydet",
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "numpy",
    "ai-edge-litert",
    "opencv-python-headless",
    "ziglang",
    "unicorn",
    "pyelftools",
)


def package_versions() -> dict[str, str | None]:
    """Versions of Python and of all packages that matter; None for what is not installed."""
    absent: dict[str, str | None] = dict.fromkeys(PACKAGES)
    return {"python": platform.python_version(), **absent, **installed_versions(PACKAGES)}
