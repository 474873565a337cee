"""What is counted, logged, traced and compared about requests."""
