"""Binds widgets to parameters where Slicer does not know how: a path to a text, tabs to a choice."""

from enum import Enum

import ctk
import qt
from slicer.parameterNodeWrapper import GuiConnector, parameterNodeGuiConnector


@parameterNodeGuiConnector
class PathTextConnector(GuiConnector):
    """Reads and writes the path of a ctkPathLineEdit as text; empty means "none", which a path cannot say.

    Args:
        widget: the path widget.
    """

    @staticmethod
    def canRepresent(widget: object, datatype: object) -> bool:
        """True for a path widget and a text."""
        return type(widget) is ctk.ctkPathLineEdit and datatype is str

    @staticmethod
    def create(widget: ctk.ctkPathLineEdit, datatype: object) -> "PathTextConnector":
        """Makes the connector."""
        return PathTextConnector(widget)

    def __init__(self, widget: ctk.ctkPathLineEdit) -> None:
        super().__init__()
        self._widget = widget

    def _connect(self) -> None:
        self._widget.currentPathChanged.connect(self.changed)

    def _disconnect(self) -> None:
        self._widget.currentPathChanged.disconnect(self.changed)

    def widget(self) -> ctk.ctkPathLineEdit:
        """The path widget."""
        return self._widget

    def read(self) -> str:
        """The path as text."""
        return self._widget.currentPath

    def write(self, value: str) -> None:
        """Shows a path."""
        # writing moves the cursor; the text may come from this very widget
        if value != self._widget.currentPath:
            self._widget.currentPath = value


@parameterNodeGuiConnector
class TabConnector(GuiConnector):
    """Shows the tab of a choice; the tabs stand in the order of the choices.

    Args:
        widget: the tabs.
        choice: the enumeration.
    """

    @staticmethod
    def canRepresent(widget: object, datatype: object) -> bool:
        """True for tabs and an enumeration."""
        return type(widget) is qt.QTabWidget and isinstance(datatype, type) and issubclass(datatype, Enum)

    @staticmethod
    def create(widget: qt.QTabWidget, datatype: type[Enum]) -> "TabConnector":
        """Makes the connector."""
        return TabConnector(widget, datatype)

    def __init__(self, widget: qt.QTabWidget, choice: type[Enum]) -> None:
        super().__init__()
        self._widget = widget
        self._choices = list(choice)

    def _connect(self) -> None:
        self._widget.currentChanged.connect(self.changed)

    def _disconnect(self) -> None:
        self._widget.currentChanged.disconnect(self.changed)

    def widget(self) -> qt.QTabWidget:
        """The tabs."""
        return self._widget

    def read(self) -> Enum:
        """The choice whose tab is shown."""
        return self._choices[self._widget.currentIndex]

    def write(self, value: Enum) -> None:
        """Shows the tab of a choice."""
        self._widget.currentIndex = self._choices.index(value)
