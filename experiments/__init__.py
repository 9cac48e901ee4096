"""One script a table or figure of the two papers, and the harness that runs them."""
