"""Sequences of nodes, and the browser that plays them together."""

import contextlib
from collections.abc import Iterator, Sequence

import slicer
import vtk

_SAME_TIME_S = 0.0011
"""Slicer saves times of transforms with three digits."""


def browserOf(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLSequenceBrowserNode | None:
    """The browser that plays a sequence; None if there is none."""
    return next((node for node in _browsers() if node.IsSynchronizedSequenceNode(sequence, True)), None)


def proxyOf(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLNode | None:
    """The node in the scene that shows the current item; None if the sequence is not played."""
    browser = browserOf(sequence)
    return browser.GetProxyNode(sequence) if browser is not None else None


def sequencesOf(browser: slicer.vtkMRMLSequenceBrowserNode | None) -> list[slicer.vtkMRMLSequenceNode]:
    """All that a browser plays together."""
    if browser is None:
        return []
    found = vtk.vtkCollection()
    browser.GetSynchronizedSequenceNodes(found, True)
    return [found.GetItemAsObject(number) for number in range(found.GetNumberOfItems())]


def indexValues(sequence: slicer.vtkMRMLSequenceNode) -> list[str]:
    """What each item is found by, such as its time."""
    return [sequence.GetNthIndexValue(number) for number in range(sequence.GetNumberOfDataNodes())]


def itemBeside(
    sequence: slicer.vtkMRMLSequenceNode, leading: slicer.vtkMRMLSequenceNode, number: int
) -> int | None:
    """Number of the item that belongs to an item of another sequence; None if there is none.

    Args:
        sequence: is asked.
        leading: is played together with it.
        number: of an item of that one.
    """
    if sequence.GetNumberOfDataNodes() == leading.GetNumberOfDataNodes():
        return number
    value = leading.GetNthIndexValue(number)
    item = sequence.GetItemNumberFromIndexValue(value, False)
    if item < 0 or abs(float(sequence.GetNthIndexValue(item)) - float(value)) > _SAME_TIME_S:
        return None
    return item


def createSequence(
    nodes: Sequence[slicer.vtkMRMLNode], name: str, like: slicer.vtkMRMLSequenceNode | None = None
) -> slicer.vtkMRMLSequenceNode:
    """Adds a sequence to the scene.

    Args:
        nodes: its items; they are copied.
        name: of the sequence.
        like: gives the index values; None counts from 0.
    """
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    if like is None:
        sequence.SetIndexName("frame")
        sequence.SetIndexUnit("")
        values = [str(number) for number in range(len(nodes))]
    else:
        sequence.SetIndexName(like.GetIndexName())
        sequence.SetIndexUnit(like.GetIndexUnit())
        sequence.SetIndexType(like.GetIndexType())
        values = indexValues(like)
    for node, value in zip(nodes, values, strict=True):
        sequence.SetDataNodeAtValue(node, value)
    return sequence


def play(sequence: slicer.vtkMRMLSequenceNode, name: str) -> slicer.vtkMRMLNode:
    """Shows a sequence by its browser, or by a new one.

    Args:
        sequence: of nodes.
        name: of the browser, if there is none.

    Returns:
        The node in the scene that shows the current item.
    """
    browser = browserOf(sequence)
    if browser is None:
        browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", name)
        browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    return browser.GetProxyNode(sequence) or _shown(browser, sequence)


def playAlong(
    sequence: slicer.vtkMRMLSequenceNode, leading: slicer.vtkMRMLSequenceNode
) -> slicer.vtkMRMLNode:
    """Lets the browser of a sequence play another one along with it.

    Args:
        sequence: has the same index values.
        leading: is played already.

    Returns:
        The node in the scene that shows the current item.
    """
    browser = browserOf(leading)
    browser.AddSynchronizedSequenceNode(sequence)
    return _shown(browser, sequence)


def select(browser: slicer.vtkMRMLSequenceBrowserNode, number: int) -> None:
    """Shows an item of all sequences that a browser plays."""
    browser.SetSelectedItemNumber(number)
    _update(browser)


@contextlib.contextmanager
def playedAsBefore() -> Iterator[None]:
    """If the block fails, browsers play what they played before; otherwise what they show would come back."""
    before = {browser: sequencesOf(browser) for browser in _browsers()}
    try:
        yield
    except BaseException:
        for browser in _browsers():
            if browser not in before:
                slicer.mrmlScene.RemoveNode(browser)
                continue
            for sequence in sequencesOf(browser):
                if sequence not in before[browser]:
                    browser.RemoveSynchronizedSequenceNode(sequence.GetID())
        raise


def _browsers() -> list[slicer.vtkMRMLSequenceBrowserNode]:
    return slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")


def _shown(
    browser: slicer.vtkMRMLSequenceBrowserNode, sequence: slicer.vtkMRMLSequenceNode
) -> slicer.vtkMRMLNode:
    _update(browser)
    shown = browser.GetProxyNode(sequence)
    # it comes and goes with its sequence, also where steps are undone
    shown.SetUndoEnabled(sequence.GetUndoEnabled())
    return shown


def _update(browser: slicer.vtkMRMLSequenceBrowserNode) -> None:
    """The browser's own observers do this too, but later."""
    slicer.app.applicationLogic().GetModuleLogic("Sequences").UpdateProxyNodesFromSequences(browser)
