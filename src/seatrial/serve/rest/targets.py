"""What the paths of inferences lead to, looked up once for all requests.

It is only a help: what is not here, or does not plainly fit, is answered the long way. So who knows less than
the repository for a moment, while a model is replaced, refuses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from seatrial.errors import NotFound
from seatrial.runtimes import FeedCheck
from seatrial.serve.model import ServedModel
from seatrial.serve.repository import Repository
from seatrial.serve.rest.forms import Forms


@dataclass(frozen=True)
class Target:
    """What one path leads to.

    Attributes:
        name: The model asked for.
        version: The version asked for; empty: whoever answers decides.
        known: Number of the specs, for the hub; 0: the feeds were not checked.
        check: Checks feeds; None: who answers does.
        outputs: Names of the outputs; None: they depend on the version.
        forms: Of requests that came here.
    """

    name: str
    version: str
    known: int
    check: FeedCheck | None
    outputs: frozenset[str] | None
    forms: Forms = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "forms", Forms(self.check))


def entries(repository: Repository) -> Iterator[tuple[str, str, str, Sequence[ServedModel]]]:
    """Each path of an inference, the model and version that it names, and who may answer."""
    for name in dict.fromkeys(each.name for each in repository.models):
        models = [each for each in repository.models if each.name == name]
        yield _path(name), name, "", models
        versions = {each.version: each.version for each in models}
        for version in {**versions, **repository.aliases(name)}:
            try:
                asked = repository.model(name, version)
            except NotFound:
                continue  # an alias whose version has gone
            yield _path(name, version), name, version, [asked]


def alike(models: Sequence[ServedModel]) -> bool:
    """Whether one check is enough for all of them."""
    return len({model.inputs for model in models}) == 1 and all(model.check.plain for model in models)


def outputs_of(models: Sequence[ServedModel]) -> tuple[str, ...] | None:
    """Names of the outputs that they have in common; None: they differ."""
    names = {tuple(each.name for each in model.outputs) for model in models}
    return names.pop() if len(names) == 1 else None


def targets_of(repository: Repository) -> dict[str, Target]:
    """What the paths lead to in the process that has the models."""
    found = {}
    for path, name, version, models in entries(repository):
        check = models[0].check if alike(models) else None
        found[path] = Target(name, version, 0, check, None)
    return found


def _path(name: str, version: str = "") -> str:
    return f"/v2/models/{quote(name)}" + (f"/versions/{quote(version)}" if version else "") + "/infer"
