"""Opens the panel of an installed extension, and a worker from it, apart from the sources of both.

python -m Testing.Packaging.open_installed MODULES
"""

import os
import sys
import time
from pathlib import Path


def main(modules: Path) -> None:
    """Loads the module file of the installation and registers nothing."""
    sys.path.insert(0, str(modules))
    from Testing.Slicer.host import application

    application.boot()
    import DeepRegistrationSlicer
    from DeepRegistrationSlicer.WorkerClient import WorkerClient
    from DeepRegistrationSlicer.WorkerProcess import workerEnvironment

    import DeepRegistrationLib
    from Testing.Slicer.host.scripted_module import LoadedModule

    for package in (DeepRegistrationSlicer, DeepRegistrationLib):
        if not Path(package.__file__).is_relative_to(modules):
            raise RuntimeError(f"{package.__file__} is not the installed one")
    module = LoadedModule(modules / "DeepRegistration.py")
    _, widget = module.makePanel()
    widget.enter()
    print(f"tabs: {widget.ui.jobTabs.count}, register: {widget.ui.registerButton.toolTip}")
    widget.cleanup()
    # a job whose file does not exist is answered at once
    client, ends = WorkerClient(), []
    client.run(modules / "nowhere.json", lambda progress: None, ends.append)
    while client.isBusy:
        client.poll()
        time.sleep(0.05)
    client.shutdown()
    print(f"worker: {ends[0].message}")
    print(f"path of the worker: {workerEnvironment()['PYTHONPATH'].split(os.pathsep)[0]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
