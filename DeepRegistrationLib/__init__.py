"""Image registration in torch: the library under the DeepRegistration extension of 3D Slicer.

World coordinates are patient RAS in millimetres, arrays are (..., K, J, I). Nothing here imports slicer, qt,
ctk or vtk.
Start with `workflows`: one file per registration job, each reads like the method section of its paper.
"""

__version__ = "0.1.0"
