"""One delivered model: what it takes and what it answers, in process or over HTTP."""

from delivered.client import Client
from delivered.errors import ContractViolation, NoRuntime, ServerError
from delivered.model import Model
from delivered.pipeline import NAME, VERSION, postprocess, prepare

__all__ = [
    "NAME",
    "VERSION",
    "Client",
    "ContractViolation",
    "Model",
    "NoRuntime",
    "ServerError",
    "postprocess",
    "prepare",
]
