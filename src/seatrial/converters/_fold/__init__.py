"""Pipelines as ONNX nodes: one emitter a step, by families; `fold_pipeline` puts them around a model."""
