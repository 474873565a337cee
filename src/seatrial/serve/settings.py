"""What `serve.yaml` may say. Everything has a default, so that `seatrial serve MODEL` needs no file.

Relative paths are taken from the file's own folder. An unknown key is an error: a misspelled limit that is
silently ignored is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from seatrial.errors import UsageError

_HINT = "see docs/how-to/serve-versions.md for an example"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_THIS_MACHINE = ("127.0.0.1", "[::1]", "localhost")
_HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}"  # RFC 9110, 5.6.2


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / path


FilePath = Annotated[Path, AfterValidator(_from_folder)]


def _as_written(value: Any) -> Any:
    """YAML reads `1` as a number and `2024-05-01` as a day; folders are called by their letters."""
    if type(value) is date:
        return value.isoformat()
    if type(value) is float:
        raise ValueError(f"{value} may have been written otherwise: put the version in quotes")
    return str(value) if type(value) is int else value


def _off(value: Any) -> Any:
    return "off" if value is False else value  # which is what YAML makes of the word


VersionName = Annotated[str, BeforeValidator(_as_written)]


def _target(text: str, info: ValidationInfo) -> str:
    return text if text == "-" else str(_from_folder(Path(text), info))


LogTarget = Annotated[str, AfterValidator(_target)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Options(_Settings):
    """How one model is run; what is not said is in its contract's deployment profile, or measured at load.

    Attributes:
        runtime: A name from `seatrial list runtimes`.
        threads: Math threads of each engine.
        devices: Engines side by side.
        timeout: Seconds that one batch may take before its engine is killed.
        max_batch_size: Rows; 1: no batching.
        max_queue_delay_milliseconds: That the oldest request may wait for company.
        max_queue_size: Rows that may wait.
        precision: Asked of the engine.
        optimize: Whether the engine rewrites the graph.
        engine: The engine's own switches, such as `spinning` or `onednn`.
    """

    runtime: str = "auto"
    threads: int = Field(default=1, ge=1)
    devices: int = Field(default=1, ge=1)
    timeout: float = Field(default=60.0, gt=0)
    max_batch_size: int | None = Field(default=None, ge=1)
    max_queue_delay_milliseconds: float | None = Field(default=None, ge=0)
    max_queue_size: int | None = Field(default=None, ge=1)
    precision: Literal["float32", "float16", "bfloat16", "int8"] = "float32"
    optimize: bool = True
    engine: dict[str, bool | int | float | str] = Field(default_factory=dict)


class Versions(_Settings):
    """Which versions of a folder of versions are served; when nothing is said, the newest that can.

    Versions that aliases and routes name are served besides.

    Attributes:
        latest: So many of the newest that can be loaded and pass their golden test.
        specific: Those named.
        all: Every one.
    """

    latest: int | None = Field(default=None, ge=1)
    specific: tuple[VersionName, ...] = ()
    all: bool = False

    @model_validator(mode="after")
    def _one_policy(self) -> Self:
        if self.all and (self.specific or self.latest is not None):
            raise ValueError("all leaves nothing for latest and specific to choose")
        return self


class Shadow(_Settings):
    """A version that is asked the same and never answers.

    Attributes:
        version: Or an alias of one.
        share: Of the requests that are sent to it as well.
        tolerance: Largest difference between numbers that still counts as the same answer, beside as much
            of the number itself; where an answer is a class, the same class is enough.
    """

    version: VersionName = Field(min_length=1)
    share: float = Field(default=1.0, gt=0, le=1)
    tolerance: float = Field(default=1e-3, ge=0, allow_inf_nan=False)


Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Route(_Settings):
    """Who answers when no version is named.

    Attributes:
        weights: Share of the traffic by version or alias; they need not add up to one.
        sticky: The header whose value decides, so that one user keeps one version; empty: each request anew.
        headers: Versions by `Header: value`, before the weights are asked.
        shadow: A version that is asked besides.
    """

    weights: dict[VersionName, Weight] = Field(default_factory=dict)
    sticky: str = ""
    headers: dict[str, VersionName] = Field(default_factory=dict)
    shadow: Shadow | None = None

    @field_validator("weights")
    @classmethod
    def _some(cls, weights: dict[str, float]) -> dict[str, float]:
        if weights and not any(weights.values()):
            raise ValueError("all weights are 0: nobody would answer")
        return weights

    @field_validator("sticky")
    @classmethod
    def _a_header(cls, name: str) -> str:
        if name and not re.fullmatch(_HEADER_NAME, name):
            raise ValueError(f"'{name[:80]}' is no name of a header")
        return name

    @field_validator("headers")
    @classmethod
    def _rules(cls, rules: dict[str, str]) -> dict[str, str]:
        for rule in rules:
            name, colon, value = rule.partition(":")
            if not (colon and value.strip() and re.fullmatch(_HEADER_NAME, name.strip())):
                raise ValueError(f"'{rule[:80]}': expected 'Header: value'")
        return rules


class Rung(_Settings):
    """One step of the ladder that is gone down when a model cannot answer in time.

    Exactly one of `model`, `cached`, `remote` and `error` is said.

    Attributes:
        when: What makes requests step down to here.
        queue_rows: Rows that wait, from which `queue` holds; None: the queue is full.
        model: Another model of this server, `NAME` or `NAME:VERSION`.
        cached: Seconds that an answer to the same input is good for.
        cache_mebibytes: Of answers that are kept for that.
        remote: Base URL of a server that speaks the Open Inference Protocol v2; with `/v2/models/NAME` behind
            it when the model has another name there.
        remote_seconds: That it has to answer.
        error: What the client is told.
    """

    when: tuple[Literal["queue", "deadline", "device"], ...] = ("queue", "deadline", "device")
    queue_rows: int | None = Field(default=None, ge=1)
    model: str = ""
    cached: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    cache_mebibytes: int = Field(default=64, ge=1)
    remote: str = Field(default="", pattern=r"^(https?://[^/?#@\s]+(/[^?#\s]*)?)?$")
    remote_seconds: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    error: str = ""

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        said = [name for name in ("model", "cached", "remote", "error") if getattr(self, name)]
        if len(said) != 1:
            raise ValueError(
                "expected exactly one of model, cached, remote and error, not "
                + (" and ".join(said) or "none of them")
            )
        if not self.when:
            raise ValueError("when: nothing would ever lead to here; there are queue, deadline and device")
        return self

    @property
    def action(self) -> str:
        """`model`, `cached`, `remote` or `error`."""
        return next(name for name in ("model", "cached", "remote", "error") if getattr(self, name))


class Model(_Settings):
    """One model.

    Attributes:
        path: A model, a release, or a folder whose sub-folders are versions.
        versions: Which of them, where there are several.
        aliases: Versions by another name, such as `stable`.
        options: How it is run.
        golden: Whether a version must pass its own test cases before it serves; `auto`: when it has some.
        route: Who answers when no version is named.
        degrade: The ladder, from the top.
    """

    path: FilePath
    versions: Versions = Versions()
    aliases: dict[str, VersionName] = Field(default_factory=dict)
    options: Options = Options()
    golden: Annotated[Literal["auto", "required", "off"], BeforeValidator(_off)] = "auto"
    route: Route = Route()
    degrade: tuple[Rung, ...] = ()


class Remote(_Settings):
    """How a server elsewhere is met; what is said here goes to that server only.

    Attributes:
        key: File whose first line is the API key that it wants; read at start.
        authority: PEM of who signed its certificate; None: whom the system believes.
    """

    key: FilePath | None = None
    authority: FilePath | None = None


class Access(_Settings):
    """Who may ask.

    Attributes:
        keys: A file of API keys (only their digests stand in it); None: nobody needs one.
        certificate: PEM of the server; with `key` it speaks TLS.
        key: PEM of its private key.
        client_authority: PEM of who signs clients' certificates; given: a client must have one (mTLS).
        open: What needs no key although there are some; whether the server is alive and ready never does.
    """

    keys: FilePath | None = None
    certificate: FilePath | None = None
    key: FilePath | None = None
    client_authority: FilePath | None = None
    open: tuple[Literal["metadata", "docs", "metrics"], ...] = ()

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: one of them is not said")
        if self.client_authority is not None and self.certificate is None:
            raise ValueError("client_authority needs certificate and key: there is no TLS without them")
        return self


class License(_Settings):
    """What permits to serve; with it every model must be of a bundle that a license covers.

    Attributes:
        files: Licenses; each bundle is served under the first that covers it.
        device: The device that they are for, from `seatrial device enroll`; without one they are for the key
            that opens sealed bundles, and count no calls.
        issuers: Public keys of those whose licenses are believed, besides those that the device names.
        revocations: The list of licenses that were taken back.
    """

    files: tuple[FilePath, ...] = ()
    device: FilePath | None = None
    issuers: tuple[FilePath, ...] = ()
    revocations: FilePath | None = None


class Log(_Settings):
    """What is written about requests.

    Attributes:
        requests: File of one JSON line a request; `-` is the error stream; None: no lines.
        traces: URL of an OpenTelemetry collector (OTLP over HTTP); empty: no spans.
        trace_share: Of the requests that come without a trace, how many get spans.
    """

    requests: LogTarget | None = None
    traces: str = Field(default="", pattern=r"^(https?://\S+)?$")
    trace_share: float = Field(default=1.0, ge=0, le=1)


class Bounds(_Settings):
    """What a client may take.

    Attributes:
        body_mebibytes: Of one request's body.
        connections: At once.
        memory_mebibytes: That requests under way may hold together.
        text_characters: Of one text.
        idle_seconds: That a connection may lie idle, or leave an answer unread.
        slow_seconds: That a request may take to arrive.
        image_megapixels: Of one picture.
    """

    body_mebibytes: int = Field(default=64, ge=1)
    connections: int = Field(default=1024, ge=1)
    memory_mebibytes: int = Field(default=1024, ge=1)
    text_characters: int = Field(default=100_000, ge=1)
    idle_seconds: float = Field(default=75.0, gt=0)
    slow_seconds: float = Field(default=20.0, gt=0)
    image_megapixels: float = Field(default=100.0, gt=0)


class Unseal(_Settings):
    """What opens sealed bundles.

    Attributes:
        key: File of the private key that they were sealed for; None: they are not served.
        passphrase_file: Its first line opens the key.
        passphrase_env: Environment variable that does.
    """

    key: FilePath | None = None
    passphrase_file: FilePath | None = None
    passphrase_env: str | None = None


class Settings(_Settings):
    """A whole server.

    Attributes:
        host: Where it listens.
        port: For REST; 0: a free one.
        grpc_port: For gRPC; 0: a free one; None: no gRPC.
        fronts: Processes that speak to clients; 1: the server itself does.
        models: By name.
        pipelines: Files of pipelines by name; see `serve.flow`.
        access: Who may ask.
        license: What permits to serve.
        remotes: How servers of `remote` rungs are met, by `https://HOST:PORT`.
        limits: What a client may take.
        log: What is written about requests.
        unseal: What opens sealed bundles.
        watch_seconds: How often the models' files are looked at for new versions; 0: never.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    grpc_port: int | None = Field(default=None, ge=0, le=65535)
    fronts: int = Field(default=1, ge=1, le=64)
    models: dict[str, Model] = Field(default_factory=dict)
    pipelines: dict[str, FilePath] = Field(default_factory=dict)
    access: Access = Access()
    license: License = License()
    remotes: dict[str, Remote] = Field(default_factory=dict)
    limits: Bounds = Bounds()
    log: Log = Log()
    unseal: Unseal = Unseal()
    watch_seconds: float = Field(default=0.0, ge=0)

    @field_validator("models", "pipelines")
    @classmethod
    def _named(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not re.match(NAME, name):
                raise ValueError(f"'{name[:80]}' is no name for a model: letters, digits, . _ - only")
        return value

    @field_validator("remotes")
    @classmethod
    def _origins(cls, remotes: dict[str, Remote]) -> dict[str, Remote]:
        for url, remote in remotes.items():
            found = re.fullmatch(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^/?#@:\s]+)(:[0-9]{1,5})?", url)
            if found is None:
                raise ValueError(f"'{url[:80]}': expected https://HOST:PORT and nothing behind it")
            scheme, host = found[1], found[2]
            if scheme == "http" and remote.authority is not None:
                raise ValueError(f"{url}: there is no certificate to be signed without https")
            if scheme == "http" and remote.key is not None and host not in _THIS_MACHINE:
                raise ValueError(f"{url}: a key goes to other machines over https only")
        return remotes


def read_settings(path: Path) -> Settings:
    """Settings from a YAML file; its relative paths become absolute.

    Raises:
        UsageError: It cannot be read, or says something that is not known; the message names the key.
    """
    try:
        data = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: {error}", hint=_HINT) from error
    return _checked(data, str(path), path.resolve().parent)


def overruled(
    settings: Settings,
    *,
    server: Mapping[str, Any],
    limits: Mapping[str, Any],
    models: Mapping[str, Path],
    options: Mapping[str, Any],
    log: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings with what the command line says on top.

    Args:
        settings: Of the file.
        server: Values of `Settings` itself.
        limits: Of `Bounds`.
        models: Paths by name; they join the file's, and replace the path of one that has the name.
        options: Of `Options`, for every model.
        log: Of `Log`.

    Raises:
        UsageError: A value is not allowed.
    """
    data = settings.model_dump(exclude_unset=True) | dict(server)
    data["limits"] = data.get("limits", {}) | dict(limits)
    data["log"] = data.get("log", {}) | dict(log or {})
    named = {name: dict(each) for name, each in data.get("models", {}).items()}
    for name, path in models.items():
        named.setdefault(name, {})["path"] = path
    for each in named.values():
        each["options"] = each.get("options", {}) | dict(options)
    return _checked(data | {"models": named}, "the command line", Path.cwd())


def _checked(data: Any, source: str, folder: Path) -> Settings:
    try:
        return Settings.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"])
        raise UsageError(f"{source}: {where}: {first['msg']}", hint=_HINT) from error
