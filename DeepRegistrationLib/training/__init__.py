"""Training of the networks on lightning: one recipe file per network.

May import everything down to `geometry`, and `workflows` for preparing images as registration does. Start
with `recipe.py` (what a recipe is), `recipes.py` (which there are) and `run.py` (one training from start to
weights).
"""
