"""Several engines as one: a queue that replicas pull from, where their hosts run, and which rank a process is.

Knows engines and places, and no tasks, no cache and no scores: the front process alone plans, dedupes and writes.
"""
