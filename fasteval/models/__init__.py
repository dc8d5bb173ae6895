"""Models: engines and the process that hosts them, named models, generation options, prompt rendering.

May load models and turn requests into answers; never decides what to ask, never caches or scores an answer.
"""
