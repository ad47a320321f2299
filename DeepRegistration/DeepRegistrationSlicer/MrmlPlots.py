"""Plots of the columns of a table, as nodes."""

from dataclasses import dataclass

import slicer

from DeepRegistrationSlicer.ResultLoader import nodeName
from DeepRegistrationSlicer.ResultNodes import numbered

CHART, SERIES = "chart", "series"
"""Roles of the nodes of a plot; series are numbered as series, series2."""

_LINE_WIDTH = 2.0
_MARKER_SIZE = 9.0


@dataclass(frozen=True)
class Curve:
    """One column over another.

    Attributes:
        name: in the legend.
        column: of the values.
        color: red, green and blue, 0 to 1; None lets Slicer choose.
        isMarked: markers alone; else a line alone.
    """

    name: str
    column: str
    color: tuple[float, float, float] | None = None
    isMarked: bool = False


@dataclass(frozen=True)
class Chart:
    """What a plot says beside its curves.

    Attributes:
        name: of the node, after that of the subject.
        title: over the plot.
        x: column that the others are drawn over; also the title of the axis.
        y: title of the other axis.
        hasLegend: false leaves the names of the curves out.
    """

    name: str
    title: str
    x: str
    y: str
    hasLegend: bool = False


def createChart(
    table: slicer.vtkMRMLTableNode, chart: Chart, curves: list[Curve], subject: slicer.vtkMRMLNode
) -> dict[str, slicer.vtkMRMLNode]:
    """Adds a plot to the scene.

    Args:
        table: has the columns.
        chart: title and axes.
        curves: at least one.
        subject: the nodes are named after it.

    Returns:
        Role -> node: the chart and its series.
    """
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotChartNode", nodeName(subject, chart.name))
    node.SetTitle(chart.title)
    node.SetXAxisTitle(chart.x)
    node.SetYAxisTitle(chart.y)
    node.SetLegendVisibility(chart.hasLegend)
    found = {CHART: node}
    for index, curve in enumerate(curves):
        # the legend shows the name of the node
        name = slicer.mrmlScene.GenerateUniqueName(curve.name)
        series = _createSeries(table, chart.x, curve, name)
        node.AddAndObservePlotSeriesNodeID(series.GetID())
        found[numbered(SERIES, index)] = series
    return found


def _createSeries(
    table: slicer.vtkMRMLTableNode, x: str, curve: Curve, name: str
) -> slicer.vtkMRMLPlotSeriesNode:
    series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", name)
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName(x)
    series.SetYColumnName(curve.column)
    series.SetPlotType(series.PlotTypeScatter)
    series.SetMarkerStyle(series.MarkerStyleCross if curve.isMarked else series.MarkerStyleNone)
    series.SetLineStyle(series.LineStyleNone if curve.isMarked else series.LineStyleSolid)
    series.SetLineWidth(_LINE_WIDTH)
    series.SetMarkerSize(_MARKER_SIZE)
    if curve.color is None:
        series.SetUniqueColor()
    else:
        series.SetColor(*curve.color)
    return series
