"""The node, the sandbox's guest and the workload: made once from a lock, named by digest."""
