# Slicer makes the package here; there is nothing to check in it.
