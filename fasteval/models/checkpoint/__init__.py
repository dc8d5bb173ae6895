"""Checkpoints on disk, as far as their files tell without loading them: place, fingerprint, media, chat template."""
