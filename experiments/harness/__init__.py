"""What the scripts of the tables and figures share: the published numbers, the grids of runs, the claims and the report."""
