"""Comparison: two runs set side by side, document by document.

May read results and compute; knows nothing of models, and runs none.
"""
