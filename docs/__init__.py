"""The pages, and the programs that write and check what they show."""
