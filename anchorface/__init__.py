"""AnchorFace facial landmark detection (importing this package loads nothing heavy)."""
