"""Where the torch library lies, seen from the Slicer side."""

import importlib.util
import sys
from pathlib import Path

_LIBRARY = "DeepRegistrationLib"


def makeLibraryImportable() -> None:
    """Adds the folder of the library to `sys.path` if Slicer did not.

    An installed extension has the library beside the module, where Slicer finds it. In a source tree that was
    not built, the library is a sibling of the module's folder, which Slicer does not search.
    """
    if importlib.util.find_spec(_LIBRARY) is None:
        sourceFolder = Path(__file__).resolve().parents[2]
        if (sourceFolder / _LIBRARY / "__init__.py").is_file():
            sys.path.append(str(sourceFolder))


def libraryParentFolder() -> Path:
    """Folder that holds the library's package: what another Python needs on its path.

    Raises:
        ImportError: the library is not installed.
    """
    spec = importlib.util.find_spec(_LIBRARY)
    if spec is None or spec.origin is None:
        raise ImportError(
            f"{_LIBRARY} was not found beside the module DeepRegistration. Install the extension again, or "
            "keep the folders of the source tree together."
        )
    return Path(spec.origin).parents[1]
