"""Stand-ins for the parts of desktop Slicer that slicer-core lacks, so that the panel runs in tests.

`application.py` puts them together: PySide6 that reads like PythonQt, the CTK and MRML widgets that the panel
uses, module base classes, parameter nodes. MRML itself is the real one. What the stand-ins cannot show is how
the real widgets look and feel. With the environment variable SLICER_PYTHON_LAYER (the folder
`Base/Python/slicer` of Slicer's sources) Slicer's own base classes and parameter nodes take their place.
"""
