"""Programs that measure fasteval against other ways of doing the same; not installed."""
