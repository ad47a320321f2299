"""Search and refinement of poses.

May import `geometry`, `images`, `projection`, `similarity` and `networks`. Volumes: `rotation_bank.py`
(search over all orientations), then `gauss_newton.py`. Radiographs: `radiograph_search.py`, then
`radiograph_refinement.py` on the levels of `radiograph_levels.py`.
"""
