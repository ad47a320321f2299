"""Plots without windows: the series of a chart node, drawn by VTK as Slicer's plot view does."""

import numpy as np
import slicer
import vtk

from Testing.Slicer.views import grabbed

_AXES = (vtk.vtkAxis.BOTTOM, vtk.vtkAxis.LEFT)


def chartPicture(chart: slicer.vtkMRMLPlotChartNode, size: tuple[int, int]) -> np.ndarray:
    """(rows, columns, 3) uint8.

    Args:
        chart: is drawn.
        size: width and height [pixels].
    """
    view = vtk.vtkContextView()
    window = view.GetRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(*size)
    view.GetRenderer().SetBackground(1.0, 1.0, 1.0)
    drawn = vtk.vtkChartXY()
    view.GetScene().AddItem(drawn)
    drawn.SetTitle(chart.GetTitle())
    drawn.SetShowLegend(chart.GetLegendVisibility())
    drawn.GetLegend().SetHorizontalAlignment(vtk.vtkChartLegend.LEFT)
    drawn.GetLegend().SetVerticalAlignment(vtk.vtkChartLegend.BOTTOM)
    for axis, title in zip(_AXES, (chart.GetXAxisTitle(), chart.GetYAxisTitle()), strict=True):
        drawn.GetAxis(axis).SetTitle(title)
    for number in range(chart.GetNumberOfPlotSeriesNodes()):
        _add(drawn, chart.GetNthPlotSeriesNode(number))
    return grabbed(window)


def _add(drawn: vtk.vtkChartXY, series: slicer.vtkMRMLPlotSeriesNode) -> None:
    isMarked = series.GetLineStyle() == series.LineStyleNone
    plot = drawn.AddPlot(vtk.vtkChart.POINTS if isMarked else vtk.vtkChart.LINE)
    table = series.GetTableNode().GetTable()
    plot.SetInputData(table, series.GetXColumnName(), series.GetYColumnName())
    plot.SetColorF(*series.GetColor())
    plot.SetWidth(series.GetMarkerSize() if isMarked else series.GetLineWidth())
    plot.SetLabel(series.GetName())
    if isMarked:
        plot.SetMarkerStyle(vtk.vtkPlotPoints.CROSS)
