"""One script per table or figure of AnchorFace, and the measures that only they use."""
