"""Versions of the program and of what it computes with; read from metadata, nothing is imported."""

import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata

from DeepRegistrationLib import __version__

_PACKAGES = ("torch", "numpy", "scipy", "SimpleITK", "pynrrd")


@cache
def versions() -> Mapping[str, str]:
    """Package -> version; "unknown" where a package comes without metadata, as some do inside Slicer."""
    found = {"DeepRegistration": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found
