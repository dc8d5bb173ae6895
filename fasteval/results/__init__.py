"""Results: what a run found out, and how people and programs get to see it.

May aggregate nothing and score nothing: it takes finished numbers, keeps them, writes files and draws tables.
"""
