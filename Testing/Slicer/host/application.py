"""Boots slicer-core with everything that makes it look like the desktop to a scripted module."""

import importlib
import os
import sys
import types
from pathlib import Path
from typing import ClassVar

import slicer
from DeepRegistrationSlicer import HeadlessSlicer
from PySide6 import QtCore, QtWidgets

from Testing.Slicer.host import ctk_widgets, mrml_widgets, python_qt

# Slicer's parameter nodes name these widgets; the panel has none of them
_NAMED_ONLY = {
    "ctk": (
        "ctkCheckablePushButton",
        "ctkColorPickerButton",
        "ctkDirectoryButton",
        "ctkDoubleRangeSlider",
        "ctkDoubleSlider",
        "ctkDoubleSpinBox",
        "ctkRangeWidget",
        "ctkSliderWidget",
    ),
    "slicer": ("qMRMLRangeWidget", "qMRMLSliderWidget", "qMRMLSpinBox"),
}


class Application(QtWidgets.QApplication):
    """`slicer.app`: the scene of the headless application, and Qt's event loop.

    Args:
        core: the headless application.
    """

    startupCompleted = QtCore.Signal()

    def __init__(self, core: HeadlessSlicer.HeadlessApplication) -> None:
        super().__init__(["tests"])
        self.core, self.temporaryPath = core, core.temporaryPath
        self.applicationLogic = core.applicationLogic
        self._settings = QtCore.QSettings(
            str(Path(core.temporaryPath) / "settings.ini"), QtCore.QSettings.Format.IniFormat
        )

    def connect(self, signal: str, slot) -> None:
        """PythonQt's way to connect: by the signal's text."""
        getattr(self, signal.partition("(")[0]).connect(slot)

    def layoutManager(self) -> None:
        """There are no views."""
        return

    def testingEnabled(self) -> bool:
        """Nobody can answer a dialog."""
        return True

    def settings(self) -> QtCore.QSettings:
        return self._settings

    def moduleManager(self):
        return types.SimpleNamespace(connect=lambda *_: None, disconnect=lambda *_: None)

    def translate(self, context: str, text: str) -> str:
        return text


class SampleDataLogic:
    """Keeps what a module registers."""

    categories: ClassVar[dict[str, str]] = {}
    sources: ClassVar[list[dict]] = []

    @classmethod
    def registerCustomSampleDataCategory(cls, category: str, title: str) -> None:
        cls.categories[category] = title

    @classmethod
    def registerCustomSampleDataSource(cls, **source) -> None:
        cls.sources.append(source)


def boot() -> Application:
    """Makes `slicer`, `qt` and `ctk` ready for scripted modules; once per process."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.modules["qt"], sys.modules["ctk"] = python_qt, ctk_widgets
    slicer.app = Application(HeadlessSlicer.boot())
    slicer.modules = types.SimpleNamespace()
    for name in ("qMRMLWidget", "qMRMLNodeComboBox"):
        setattr(slicer, name, getattr(mrml_widgets, name))
    sys.modules["SampleData"] = types.SimpleNamespace(SampleDataLogic=SampleDataLogic)
    realLayer = os.environ.get("SLICER_PYTHON_LAYER")
    _useSlicersOwnLayer(realLayer) if realLayer else _useStandIns()
    return slicer.app


def _useStandIns() -> None:
    from Testing.Slicer.host import parameter_node, scripted_module

    # it registers how widgets are read and written
    importlib.import_module("Testing.Slicer.host.parameter_widgets")
    i18n = types.ModuleType("slicer.i18n")
    i18n.tr, i18n.translate = (lambda text: text), (lambda context, text: text)
    modules = {
        "ScriptedLoadableModule": scripted_module,
        "parameterNodeWrapper": parameter_node,
        "i18n": i18n,
    }
    for name, module in modules.items():
        sys.modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)


def _useSlicersOwnLayer(folder: str) -> None:
    """Slicer's own Python files, from a checkout of its sources."""
    for module, names in _NAMED_ONLY.items():
        for name in names:
            setattr(sys.modules[module], name, type(name, (QtWidgets.QWidget,), {}))
    slicer.__path__.append(folder)
    for name in ("i18n", "ScriptedLoadableModule", "parameterNodeWrapper"):
        importlib.import_module(f"slicer.{name}")
