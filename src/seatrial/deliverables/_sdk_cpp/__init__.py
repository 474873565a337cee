"""C++ as it is handed over (`seatrial/`, `answers/`, `samples/`), and what is generated from the contract."""
