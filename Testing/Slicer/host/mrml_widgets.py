"""The MRML widgets that the panel uses."""

from PySide6 import QtCore, QtWidgets


class qMRMLWidget(QtWidgets.QWidget):
    """A widget that knows the scene and tells its children."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


class qMRMLNodeComboBox(QtWidgets.QComboBox):
    """A list of the nodes of some classes; the first is chosen unless there may be none."""

    currentNodeChanged = QtCore.Signal(object)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._scene, self._node, self._nodes, self._tags = None, None, [], []
        self._options = {"nodeTypes": [], "noneEnabled": False, "noneDisplay": "None"}
        self._options |= {"showChildNodeTypes": True, "hideChildNodeTypes": []}
        self._options |= {"addEnabled": True, "removeEnabled": True}
        self.activated.connect(lambda index: self.setCurrentNode(self._nodes[index]))

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        _removeObservers(self._scene, self._tags)
        self._scene = scene
        if scene is None:
            return
        events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent)
        tags = self._tags = [scene.AddObserver(event, lambda *_: self._refill()) for event in events]
        self.destroyed.connect(lambda: _removeObservers(scene, tags))
        self._refill()

    def currentNode(self):
        return self._node

    def setCurrentNode(self, node) -> None:
        self._choose(node if node in self._nodes else None)

    def _refill(self) -> None:
        count = self._scene.GetNumberOfNodes() if self._scene is not None else 0
        nodes = [node for node in map(self._scene.GetNthNode, range(count)) if self._isOffered(node)]
        self._nodes = ([None] if self._options["noneEnabled"] else []) + nodes
        blocked = self.blockSignals(True)
        self.clear()
        self.addItems([node.GetName() if node else self._options["noneDisplay"] for node in self._nodes])
        self.blockSignals(blocked)
        isGone = self._node not in self._nodes
        self._choose(self._nodes[0] if isGone and self._nodes else self._node if not isGone else None)

    def _isOffered(self, node) -> bool:
        if node.GetHideFromEditors():
            return False
        types = self._options["nodeTypes"]
        if any(node.IsA(name) for name in self._options["hideChildNodeTypes"]):
            return False
        if self._options["showChildNodeTypes"]:
            return any(node.IsA(name) for name in types)
        return node.GetClassName() in types

    def _choose(self, node) -> None:
        blocked = self.blockSignals(True)
        self.setCurrentIndex(self._nodes.index(node) if node in self._nodes else -1)
        self.blockSignals(blocked)
        if node is not self._node:
            self._node = node
            self.currentNodeChanged.emit(node)

    def _option(type_, name):
        def write(self, value) -> None:
            self._options[name] = list(value) if type_ == "QStringList" else value
            if self._scene is not None:
                self._refill()

        return QtCore.Property(type_, lambda self: self._options[name], write)

    nodeTypes = _option("QStringList", "nodeTypes")
    hideChildNodeTypes = _option("QStringList", "hideChildNodeTypes")
    noneEnabled = _option(bool, "noneEnabled")
    noneDisplay = _option(str, "noneDisplay")
    showChildNodeTypes = _option(bool, "showChildNodeTypes")
    addEnabled = _option(bool, "addEnabled")
    removeEnabled = _option(bool, "removeEnabled")


def _removeObservers(scene, tags: list[int]) -> None:
    while tags:
        scene.RemoveObserver(tags.pop())
