"""The programs that are measured, each as a process of its own; the peers in environments of their own."""
