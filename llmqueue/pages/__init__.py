"""What pages show of requests: the queue's own, and those of the apps above."""
