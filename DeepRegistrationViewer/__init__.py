"""A result in a web browser, with Slicer's own slice and 3D views but without Slicer (trame-slicer).

`python -m DeepRegistrationViewer RESULT_FOLDER` serves one result; the program's command `view` starts it.
May import slicer, trame, DeepRegistrationSlicer and what the library has without torch. Start at page.py.
"""
