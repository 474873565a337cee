"""The gRPC front: the Open Inference Protocol v2 and what Triton's clients ask besides."""
