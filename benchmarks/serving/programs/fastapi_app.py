"""The model behind FastAPI, as tutorials show it."""

from __future__ import annotations

from typing import Any

from engine import Engine
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
engine = Engine()


class Body(BaseModel):
    """One request."""

    x: list[list[float]]


@app.post("/predict")
async def predict(body: Body) -> dict[str, Any]:
    """One answer."""
    return {"y": engine(body.x).tolist()}
