"""Versions of the packages that a result depends on."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "tinydet",
    "keras",
    "tensorflow",
    "numpy",
    "ai-edge-litert",
    "opencv-python-headless",
    "pycocotools",
    "ziglang",
    "unicorn",
    "pyelftools",
)


def package_versions(*packages: str) -> dict[str, str | None]:
    """Versions by package name, ``python`` first; None for what is not installed.

    Args:
        packages: Names; none given takes ``PACKAGES``.
    """
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in packages or PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return versions


def installed_versions(*packages: str) -> dict[str, str]:
    """The same without what is not installed."""
    return {name: found for name, found in package_versions(*packages).items() if found}
