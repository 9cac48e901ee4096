"""Two builds of MXNet side by side, on the same weights and batches: every net, training steps, checkpoints, speed."""
