"""The test bench: what can be on trial, what a model would be sent, how the tries stand."""
