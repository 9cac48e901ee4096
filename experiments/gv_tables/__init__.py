"""One script per table or figure of Gaussian Vector, and the measures that only they use."""
