"""What one tensor is: name, dtype, shape with free dimensions, layout, range."""

from __future__ import annotations

from dataclasses import dataclass

# A dimension is a number, a name (free, and equal wherever the name recurs: "batch") or None (free).
Dimension = int | str | None

DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "float8_e4m3fn", "float8_e5m2", "complex64", "complex128", "string",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model.

    Attributes:
        name: As the graph has it. Output names are not stable across formats: bind outputs by index.
        dtype: One of `DTYPES` (NumPy's spelling; `string` for text tensors).
        shape: Dimensions; a scalar is `()`. Axis 0 is the batch unless it is a number.
        layout: Axis letters such as `NCHW`, `NHWC`, `NT`; empty when unknown.
        low: Smallest value the model may be given (ids, lengths, pixels), or None.
        high: Largest value, inclusive, or None.
    """

    name: str
    dtype: str
    shape: tuple[Dimension, ...]
    layout: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def batch_is_free(self) -> bool:
        """Whether axis 0 may have any size."""
        return bool(self.shape) and not isinstance(self.shape[0], int)
