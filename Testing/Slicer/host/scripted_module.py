"""Base classes of scripted modules, and the object that loads a module as Slicer does."""

import importlib.util
import sys
import unittest
from pathlib import Path

import slicer


class ScriptedLoadableModule:
    """Base class of a module's description."""

    def __init__(self, parent) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__

    def resourcePath(self, filename: str) -> str:
        return str(Path(self.parent.path).parent / "Resources" / filename)


class ScriptedLoadableModuleWidget:
    """Base class of a module's panel."""

    def __init__(self, parent=None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.parent, self.layout = parent, parent.layout()

    def resourcePath(self, filename: str) -> str:
        return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / filename)

    def setup(self) -> None: ...

    def cleanup(self) -> None: ...


class ScriptedLoadableModuleLogic:
    """Base class of a module's logic: it has one parameter node in the scene."""

    def __init__(self, parent=None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Logic")

    def getParameterNode(self):
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.vtkMRMLScriptedModuleNode()
            node.SetSingletonTag(self.moduleName)
            node.SetName(self.moduleName)
            node = slicer.mrmlScene.AddNode(node)
        node.SetAttribute("ModuleName", self.moduleName)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """Base class of a module's self-test."""

    def delayDisplay(self, message: str, requestedDelay=None, msec=None) -> None:
        slicer.app.processEvents()


class LoadedModule:
    """A module that was loaded from its file; makes its panel.

    Args:
        path: the module's file; the class in it has the file's name.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = str(path), path.stem
        spec = importlib.util.spec_from_file_location(self.name, path)
        self.file = importlib.util.module_from_spec(spec)
        sys.modules[self.name] = self.file
        spec.loader.exec_module(self.file)
        setattr(slicer.modules, self.name.lower(), self)
        self.description = getattr(self.file, self.name)(self)

    def makePanel(self):
        """Returns the parent widget, as Slicer puts it into its window, and the module's widget object."""
        import qt

        parent = slicer.qMRMLWidget()
        parent.setLayout(qt.QVBoxLayout())
        parent.setMRMLScene(slicer.mrmlScene)
        parent.isEntered = False
        widget = getattr(self.file, f"{self.name}Widget")(parent)
        widget.setup()
        return parent, widget
