"""Opens the panel as on a machine without torch, and says how long the module's own code took.

python -m Testing.Slicer.panel_time
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MISSING = ("torch", "scipy", "SimpleITK", "nrrd", "matplotlib", "monai", "numba")


class _Refuse:
    """Finder that knows nothing of what the worker needs."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in _MISSING:
            raise ImportError(f"{name} is not installed here")


def main() -> None:
    """Prints the time from the import of the module file to the shown panel."""
    sys.meta_path.insert(0, _Refuse())
    sys.path.insert(0, str(ROOT / "DeepRegistration"))
    from Testing.Slicer.host import application

    application.boot()
    from Testing.Slicer.host.scripted_module import LoadedModule

    started = time.perf_counter()
    module = LoadedModule(ROOT / "DeepRegistration" / "DeepRegistration.py")
    _, widget = module.makePanel()
    widget.enter()
    print(f"panel opened without torch: {time.perf_counter() - started:.2f} s of module code")
    widget.cleanup()


if __name__ == "__main__":
    main()
