"""What is kept between runs: baselines."""
