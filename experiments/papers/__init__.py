"""Every number that the two papers print."""
