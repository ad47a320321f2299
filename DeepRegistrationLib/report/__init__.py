"""The report a person reads: pictures (matplotlib, no screen needed) and one self-contained HTML page.

May import `workflows/result.py` and what is below it. Start with `html.py`; `pictures.py` makes the pictures.
"""
