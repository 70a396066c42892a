//! Golden cases, blessed outputs, and their runner.
