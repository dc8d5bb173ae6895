"""The engine host: the child process that loads a model, the front's end of it, and the wire between the two."""
