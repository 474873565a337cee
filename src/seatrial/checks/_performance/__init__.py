"""Parts of the check `performance`: load, latency statistics, memory, the baseline."""
