"""Programs that run in another harness's environment and read fasteval's files with its own code."""
