"""The Slicer side: panel, logic, MRML nodes, and the client of the process that computes.

Runs in desktop Slicer and on slicer-core alike. May import `slicer`, `vtk`, `qt`, `ctk`, `numpy` and what
of `DeepRegistrationLib` needs no torch. Imports point from `Panel` to `Logic` to everything else.
Start with `Logic.py`; only the files `Mrml*.py` turn nodes into arrays and files, and back.
"""

from DeepRegistrationSlicer.LibraryFolder import makeLibraryImportable

makeLibraryImportable()
