"""Coordinate frames, grids, rotations, transforms and displacement fields.

Imports nothing else of the library. `frames.py` and `volume_geometry.py` need numpy only, the rest torch.
Start with `frames.py`: it says which frames there are.
"""
