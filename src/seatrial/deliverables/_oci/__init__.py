"""Images and artifacts of the Open Container Initiative, written and moved without an engine."""
