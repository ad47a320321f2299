"""Search and refinement of poses.

May import `geometry`, `images` and `similarity`. Start with `rotation_bank.py` (search over all
orientations), then `gauss_newton.py` (refinement of many poses at once).
"""
