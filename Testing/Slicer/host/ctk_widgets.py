"""The CTK widgets that the panel uses: the module `ctk` of the tests."""

from PySide6 import QtCore, QtWidgets


class ctkCollapsibleButton(QtWidgets.QFrame):
    """A frame with a title that folds away what is in it."""

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._text, self._collapsed = "", False
        self._folded: list[QtWidgets.QWidget] = []
        self._title = QtWidgets.QToolButton(self)
        self._title.setAutoRaise(True)
        self._title.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._title.clicked.connect(lambda: self.setCollapsed(not self._collapsed))
        self.setFrameShape(QtWidgets.QFrame.Shape.StyledPanel)
        self.setContentsMargins(0, 24, 0, 0)
        self._fold()

    def setText(self, text: str) -> None:
        self._text = text
        self._title.setText(text)

    def setCollapsed(self, collapsed: bool) -> None:
        if collapsed != self._collapsed:
            self._collapsed = collapsed
            self._fold()
            self.contentsCollapsed.emit(collapsed)

    def showEvent(self, event) -> None:
        """What was put in since is folded away too."""
        super().showEvent(event)
        self._fold()

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._title.setGeometry(2, 2, self.geometry.width() - 4, 22)

    def _fold(self) -> None:
        arrow = QtCore.Qt.ArrowType.RightArrow if self._collapsed else QtCore.Qt.ArrowType.DownArrow
        self._title.setArrowType(arrow)
        direct = QtCore.Qt.FindChildOption.FindDirectChildrenOnly
        contents = [w for w in self.findChildren(QtWidgets.QWidget, options=direct) if w is not self._title]
        if self._collapsed:
            self._folded += [widget for widget in contents if not widget.isHidden()]
            for widget in contents:
                widget.hide()
        else:
            for widget in self._folded:
                widget.show()
            self._folded = []
        self.setMaximumHeight(28 if self._collapsed else 16777215)

    text = QtCore.Property(str, lambda self: self._text, setText)
    collapsed = QtCore.Property(bool, lambda self: self._collapsed, setCollapsed)


class ctkPathLineEdit(QtWidgets.QWidget):
    """A path to type or to browse for."""

    Dirs, Files = 0x001, 0x002
    currentPathChanged = QtCore.Signal(str)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._edit, browse = QtWidgets.QLineEdit(), QtWidgets.QToolButton()
        browse.setText("...")
        layout.addWidget(self._edit)
        layout.addWidget(browse)
        self._edit.textChanged.connect(self.currentPathChanged)
        self.filters = 0

    currentPath = QtCore.Property(
        str, lambda self: self._edit.text, lambda self, path: self._edit.setText(path)
    )


class ctkCheckBox(QtWidgets.QCheckBox):
    """Only its type matters."""


class ctkComboBox(QtWidgets.QComboBox):
    """Only its type matters."""
