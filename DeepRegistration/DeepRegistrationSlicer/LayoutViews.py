"""Nodes of views, and their part in the description of a layout."""

import slicer

_VIEW = """<view class="{node}" singletontag="{name}">
<property name="viewlabel" action="default">{label}</property>
<property name="viewgroup" action="default">{group}</property>{color}</view>"""
_COLOR = """<property name="viewcolor" action="default">{}</property>"""


def layoutNode() -> slicer.vtkMRMLLayoutNode | None:
    """The node that says which views are shown; None without the desktop."""
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def viewNode(className: str, name: str) -> slicer.vtkMRMLNode:
    """The node of a view. The view, once there is one, takes it over by its name."""
    nodes = slicer.util.getNodesByClass(className)
    node = next((node for node in nodes if node.GetLayoutName() == name), None)
    if node is None:
        node = slicer.mrmlScene.CreateNodeByClass(className)
        node.UnRegister(None)
        node.SetSingletonTag(name)
        node.SetLayoutName(name)
        node = slicer.mrmlScene.AddNode(node)
    return node


def viewText(node: str, name: str, label: str, group: int, color: str | None = None) -> str:
    """Part of the description of a layout: one view of our own.

    Args:
        node: class of its node.
        name: of the view.
        label: shown in its bar.
        group: views of one group zoom and pan together.
        color: of its bar, as "#4FA3D1"; None leaves it to Slicer.
    """
    colour = _COLOR.format(color) if color is not None else ""
    return _VIEW.format(node=node, name=name, label=label, group=group, color=colour)
