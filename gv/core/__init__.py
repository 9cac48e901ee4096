"""The ground floor: faces, points and training, with no knowledge of either paper."""
