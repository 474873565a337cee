"""Who answers when no version is named: the laws of weights, headers and users."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import NotFound, Unavailable, UsageError
from seatrial.serve.call import Call
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Route, Rung, Shadow
from seatrial.serve.traffic.router import Router, drawn, stays
from support.served import loaded
from support.sick import sickly

LABELS = st.sampled_from(["1", "2", "3", "stable", "canary"])
WEIGHTS = st.dictionaries(LABELS, st.floats(0.01, 1e6), min_size=1)
KEYS = [f"user-{each}".encode() for each in range(400)]


def chosen(
    route: Route, call: Call | None = None, *, ready: set[str] | None = None, draw: float = 0.0
) -> str:
    there = set(Router(route).labels) if ready is None else ready
    return Router(route).choose(call or Call(), there.__contains__, lambda: draw)


@given(WEIGHTS, st.floats(0, 1, exclude_max=True))
def test_a_draw_hits_a_version_that_has_a_weight(weights: dict[str, float], point: float) -> None:
    assert drawn(weights, point) in weights


@given(WEIGHTS)
@settings(max_examples=30)
def test_shares_converge_to_the_weights(weights: dict[str, float]) -> None:
    count = 4000
    seen = Counter(drawn(weights, each / count) for each in range(count))
    whole = sum(weights.values())
    for version, weight in weights.items():
        share = weight / whole
        assert abs(seen[version] / count - share) <= 2 / count


@given(WEIGHTS)
@settings(max_examples=20)
def test_shares_of_users_converge_to_the_weights(weights: dict[str, float]) -> None:
    count = 2000
    seen = Counter(stays(weights, str(each).encode()) for each in range(count))
    whole = sum(weights.values())
    for version, weight in weights.items():
        share = weight / whole
        assert abs(seen[version] / count - share) < 5 * (share * (1 - share) / count) ** 0.5 + 2 / count


@given(WEIGHTS, LABELS, st.floats(1, 100))
@settings(max_examples=50)
def test_a_weight_that_grows_only_wins_users(weights: dict[str, float], grown: str, by: float) -> None:
    after = weights | {grown: weights.get(grown, 0.5) * by}
    for key in KEYS:
        was, now = stays(weights, key), stays(after, key)
        assert now in (was, grown)


@given(WEIGHTS.filter(lambda weights: len(weights) > 1))
@settings(max_examples=50)
def test_a_version_that_goes_only_loses_its_own_users(weights: dict[str, float]) -> None:
    gone = next(iter(weights))
    left = {version: weight for version, weight in weights.items() if version != gone}
    for key in KEYS:
        was = stays(weights, key)
        assert was == gone or stays(left, key) == was


@given(WEIGHTS, st.integers(-10, 10))
@settings(max_examples=30)
def test_only_proportions_count(weights: dict[str, float], power: int) -> None:
    scaled = {version: weight * 2.0**power for version, weight in weights.items()}
    assert [stays(weights, key) for key in KEYS[:50]] == [stays(scaled, key) for key in KEYS[:50]]


def test_a_user_is_the_same_in_every_release() -> None:
    weights = {"stable": 90.0, "canary": 10.0}
    canary = [key.decode() for key in KEYS[:40] if stays(weights, key) == "canary"]
    assert canary == ["user-7", "user-37"]


@given(WEIGHTS, st.sets(LABELS), st.floats(0, 1, exclude_max=True), st.text(max_size=5))
def test_an_absent_version_is_never_chosen(
    weights: dict[str, float], ready: set[str], draw: float, key: str
) -> None:
    for sticky in ("", "X-User"):
        route = Route(weights=weights, sticky=sticky, headers={"X-Canary: yes": "canary"})
        for headers in ({}, {b"x-canary": b"yes"}, {b"x-user": b"a"}):
            call = Call(key=key, headers=headers)
            if ready & set(weights):
                assert chosen(route, call, ready=ready, draw=draw) in ready
            elif headers.get(b"x-canary") and "canary" in ready:
                assert chosen(route, call, ready=ready, draw=draw) == "canary"
            else:
                with pytest.raises(Unavailable, match="none of the versions of the route is ready"):
                    chosen(route, call, ready=ready, draw=draw)


def test_a_weight_of_zero_is_no_share() -> None:
    route = Route(weights={"1": 1, "2": 0})
    assert {chosen(route, draw=each / 100) for each in range(100)} == {"1"}
    with pytest.raises(Unavailable):
        chosen(route, ready={"2"})


def test_header_rules_come_before_weights_and_are_passed_over_when_not_ready() -> None:
    route = Route(weights={"1": 1}, headers={"X-Canary:  yes": "2", "X-Team: a: b": "3"})
    assert chosen(route, Call(headers={b"x-canary": b" yes "})) == "2"
    assert chosen(route, Call(headers={b"x-team": b"a: b"})) == "3"
    assert chosen(route, Call(headers={b"x-canary": b"no"})) == "1"
    assert chosen(route, Call(headers={b"x-canary": b"yes"}), ready={"1"}) == "1"
    assert chosen(Route(headers={"X-Canary: yes": "2"})) == ""


def test_a_user_is_known_by_header_key_or_log_id() -> None:
    route = Route(weights={"1": 1, "2": 1}, sticky="X-User")
    for make in (
        lambda user: Call(headers={b"x-user": user.encode()}),
        lambda user: Call(key=user, log_id="another"),
        lambda user: Call(log_id=user),
    ):
        first = [chosen(route, make(f"u{each}"), draw=0.0) for each in range(50)]
        again = [chosen(route, make(f"u{each}"), draw=0.9) for each in range(50)]
        assert first == again
        assert set(first) == {"1", "2"}
    assert chosen(route, Call(), draw=0.9) == "2"  # nobody: by the dice


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": {"1": -1}},
        {"weights": {"1": 0}},
        {"weights": {"1": float("nan")}},
        {"sticky": "X User"},
        {"headers": {"X-Canary": "1"}},
        {"headers": {": yes": "1"}},
        {"shadow": {"version": "2", "share": 0}},
        {"weight": {}},
    ],
    ids=["negative", "nobody", "nan", "sticky", "no-value", "no-name", "no-share", "misspelled"],
)
def test_a_route_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Route.model_validate(wrong)


async def served(*versions: str) -> InferenceService:
    service = InferenceService(threads=1)
    for each in versions:
        service.repository.add((await loaded("double", each))[0])
    return service


async def test_an_explicit_version_wins() -> None:
    service = await served("1", "2")
    service.traffic.set_route("double", Route(weights={"2": 1}, headers={"X-Canary: yes": "2"}))
    call = Call(headers={b"x-canary": b"yes"})
    assert service.model("double", "", call).version == "2"
    assert not call.pinned
    assert service.model("double", "1", call).version == call.version == "1"
    assert call.pinned
    await service.close()


async def test_routes_change_at_once_or_not_at_all() -> None:
    service = await served("1", "2")
    models = [service.repository.model("double", each) for each in ("1", "2")]
    service.repository.publish("double", models, {"stable": "1"})
    traffic = service.traffic
    traffic.set_route("double", Route(weights={"stable": 1}))
    assert service.model("double", "", Call()).version == "1"
    for route in (
        Route(weights={"2": 1, "9": 1}),
        Route(headers={"X-Canary: yes": "9"}),
        Route(shadow=Shadow(version="9")),
    ):
        with pytest.raises(UsageError, match="no version '9'"):
            traffic.set_route("double", route)
        assert traffic.route("double") == Route(weights={"stable": 1})
    with pytest.raises(NotFound):
        traffic.set_route("other", Route())
    traffic.set_route("double", Route())
    assert not traffic.plans
    assert service.model("double", "", Call()).version == "2"
    await service.close()


async def test_the_weights_pass_over_a_version_without_an_engine() -> None:
    service = InferenceService(threads=1)
    (one, engines), (two, others) = await sickly(version="1"), await sickly(version="2")
    service.repository.add(one)
    service.repository.add(two)
    service.traffic.set_route("double", Route(weights={"1": 99, "2": 1}))
    await engines.take_away()
    assert {service.model("double", "", Call()).version for _ in range(20)} == {"2"}
    await others.take_away()
    with pytest.raises(Unavailable, match="1, 2"):
        service.model("double", "", Call())
    service.traffic.set_ladder("double", [Rung(error="later")])  # steps down instead
    assert service.model("double", "", Call()).version in ("1", "2")
    await service.close()
