"""Binds a path widget to a text parameter: an empty text means "none chosen", which a path cannot say."""

import ctk
from slicer.parameterNodeWrapper import GuiConnector, parameterNodeGuiConnector


@parameterNodeGuiConnector
class PathTextConnector(GuiConnector):
    """Reads and writes the path of a ctkPathLineEdit as text.

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
