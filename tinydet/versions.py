"""Which packages made a result."""

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
