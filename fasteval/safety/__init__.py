"""Limits on what others wrote: YAML that cannot swell, templates that end, impossible paths. Knows nothing of tasks."""
