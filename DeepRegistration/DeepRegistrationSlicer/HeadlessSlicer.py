"""Boots Slicer's scene and logic classes without the desktop, from the package slicer-core.

The command line, batch jobs and tests use it. Afterwards `slicer.mrmlScene` and a small `slicer.app` exist:
code written for the desktop runs unchanged. In desktop Slicer it does nothing.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import slicer
import vtk

# they register the node classes that results need, and conversions between representations of segmentations
_MODULE_LOGICS = {
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Sequences": "vtkSlicerSequencesLogic",
}


class HeadlessApplication:
    """The part of `slicer.app` that makes sense without a window.

    Args:
        scene: the scene of the program.
        temporaryPath: folder for files that vanish with the program.
    """

    applicationName = "slicer-core"

    def __init__(self, scene: slicer.vtkMRMLScene, temporaryPath: str) -> None:
        self.temporaryPath = temporaryPath
        self._scene = scene
        self._applicationLogic = slicer.vtkSlicerApplicationLogic()
        self._applicationLogic.SetMRMLScene(scene)
        self._applicationLogic.SetTemporaryPath(temporaryPath)
        self._logics = [*self._moduleLogics(), *self._bundleLogics()]

    def mrmlScene(self) -> slicer.vtkMRMLScene:
        """The scene."""
        return self._scene

    def applicationLogic(self) -> slicer.vtkSlicerApplicationLogic:
        """Logic that the module logics share."""
        return self._applicationLogic

    def layoutManager(self) -> None:
        """There are no views."""
        return

    def processEvents(self) -> None:
        """There are no events."""

    def testingEnabled(self) -> bool:
        """Nobody can answer a dialog."""
        return True

    def _moduleLogics(self) -> list:
        colors = self._applicationLogic.GetColorLogic()
        colors.SetMRMLScene(self._scene)
        # volumes refer to colour tables as soon as they are displayed
        colors.AddDefaultColorNodes()
        logics = [colors]
        for name, className in _MODULE_LOGICS.items():
            logic = getattr(slicer, className)()
            logic.SetMRMLApplicationLogic(self._applicationLogic)
            logic.SetMRMLScene(self._scene)
            self._applicationLogic.SetModuleLogic(name, logic)
            logics.append(logic)
        return logics

    def _bundleLogics(self) -> list:
        """Reading an .mrb file asks these for a folder to unpack it in."""
        cache = Path(self.temporaryPath) / "cache"
        cache.mkdir()
        remote = slicer.vtkMRMLRemoteIOLogic()
        remote.SetMRMLApplicationLogic(self._applicationLogic)
        remote.SetMRMLScene(self._scene)
        remote.GetCacheManager().SetRemoteCacheDirectory(str(cache))
        data = slicer.vtkDataIOManagerLogic()
        data.SetMRMLApplicationLogic(self._applicationLogic)
        data.SetMRMLScene(self._scene)
        data.SetAndObserveDataIOManager(remote.GetDataIOManager())
        remote.AddDataIOToScene()
        return [remote, data]


def boot(logFile: Path | None = None) -> object:
    """Makes `slicer.mrmlScene` and `slicer.app` available.

    Args:
        logFile: receives what VTK and MRML have to say; None drops it.

    Returns:
        The application: Slicer's own if there is one already.
    """
    if getattr(slicer, "app", None) is not None:
        return slicer.app
    _silence(logFile)
    temporaryPath = tempfile.mkdtemp(prefix="DeepRegistration-scene-")
    atexit.register(shutil.rmtree, temporaryPath, ignore_errors=True)
    slicer.mrmlScene = slicer.vtkMRMLScene()
    slicer.app = HeadlessApplication(slicer.mrmlScene, temporaryPath)
    return slicer.app


def isDesktop() -> bool:
    """True in Slicer proper, false on slicer-core."""
    return not isinstance(slicer.app, HeadlessApplication)


def _silence(logFile: Path | None) -> None:
    """Without the desktop MRML prints hundreds of display warnings: they go to a file."""
    vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
    output = vtk.vtkFileOutputWindow()
    output.SetFileName(str(logFile or os.devnull))
    output.SetFlush(True)
    vtk.vtkOutputWindow.SetInstance(output)
