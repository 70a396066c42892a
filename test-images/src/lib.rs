//! Recipes of the images that tests and benchmarks run, made from Debian packages.
