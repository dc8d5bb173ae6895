"""Programs that measure fasteval, and the one that trains its demo model. None is part of the package."""
