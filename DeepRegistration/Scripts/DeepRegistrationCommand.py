"""The program `deepregistration`, run by Slicer's own Python from a Slicer without a window.

Slicer --no-main-window --python-script DeepRegistrationCommand.py -- fetal-volume --moving brain.nii.gz
Slicer --no-main-window --python-script DeepRegistrationCommand.py -- batch cases.csv --workflow fetal-volume

Everything after `--` is as on the command line; so are the exit codes. Slicer's process computes nothing: it
starts the other one, passes on what it says, and ends with it.
"""

import subprocess
import sys
from pathlib import Path

_MODULE_FOLDER = Path(__file__).resolve().parents[1]


def main(words: list[str]) -> int:
    """Runs the program.

    Args:
        words: command and options; a leading `--` is dropped.

    Returns:
        Its exit code.
    """
    from DeepRegistrationSlicer.LibraryFolder import makeLibraryImportable

    makeLibraryImportable()
    from DeepRegistrationSlicer.Dependencies import checkDependencies
    from DeepRegistrationSlicer.WorkerProcess import pythonProgram, workerEnvironment

    from DeepRegistrationLib.errors import RegistrationError

    try:
        checkDependencies()
    except RegistrationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    words = words[1:] if words[:1] == ["--"] else words
    command = [pythonProgram(), "-m", "DeepRegistrationLib.cli", *words]
    # what it says goes where Slicer's own output goes, as it is said
    return subprocess.run(command, env=workerEnvironment(), stdin=subprocess.DEVNULL).returncode


def _run() -> None:
    # an installed extension is on the path of Slicer already; a source tree is not
    if str(_MODULE_FOLDER) not in sys.path:
        sys.path.append(str(_MODULE_FOLDER))
    import slicer
    from DeepRegistrationSlicer import HeadlessSlicer

    HeadlessSlicer.boot()
    try:
        code = main(sys.argv[1:])
    except Exception as error:  # Slicer would stay open behind a traceback
        sys.stderr.write(f"DeepRegistration could not be started ({type(error).__name__}: {error}).\n")
        code = 1
    if HeadlessSlicer.isDesktop():
        slicer.util.exit(code)
    else:
        sys.exit(code)


if __name__ == "__main__":
    _run()
