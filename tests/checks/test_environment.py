import json

from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks._environment import STABLE, environment_digest, environment_record, steal_percent

CPUINFO = "processor\t: 0\nmodel name\t: Example 9000\nflags\t\t: fpu avx avx2 fma avx512_vnni\n"


def fake_machine(folder, *, cpuinfo=CPUINFO, cpu_max="150000 100000", stat="cpu 10 0 10 70 0 0 0 10 0 0\n"):
    (folder / "proc").mkdir()
    (folder / "proc/cpuinfo").write_text(cpuinfo)
    (folder / "proc/stat").write_text(stat)
    (folder / "sys/fs/cgroup").mkdir(parents=True)
    (folder / "sys/fs/cgroup/cpu.max").write_text(cpu_max)
    return environment_record(folder / "proc", folder / "sys")


def test_reads_what_decides_speed(tmp_path):
    record = fake_machine(tmp_path)
    assert record["cpu"] == "Example 9000"
    assert record["cpu_flags"] == ["avx", "avx2", "avx512_vnni", "fma"]
    assert record["cpu_quota"] == 1.5
    assert record["steal_percent"] == 10.0
    assert record["governor"] is None
    assert record["packages"]["numpy"]
    json.dumps(record)


def test_no_quota_is_none(tmp_path):
    assert fake_machine(tmp_path, cpu_max="max 100000")["cpu_quota"] is None


def test_an_empty_machine_is_described_without_guessing(tmp_path):
    record = environment_record(tmp_path, tmp_path)
    assert record["cpu_flags"] == []
    assert record["steal_percent"] is None
    assert record["cpu_quota"] is None


def test_this_machine_is_the_same_twice():
    assert environment_digest(environment_record()) == environment_digest(environment_record())


@given(st.sampled_from(STABLE), st.text(min_size=1))
def test_every_stable_field_changes_the_digest(field, value):
    record = dict.fromkeys(STABLE)
    assert environment_digest(record) != environment_digest({**record, field: value})


def test_load_does_not_change_the_digest(tmp_path):
    record = fake_machine(tmp_path)
    busy = {**record, "load_average": [50.0, 50.0, 50.0], "steal_percent": 30.0}
    assert environment_digest(record) == environment_digest(busy)


def test_a_stat_file_without_steal_is_not_read_as_zero():
    assert steal_percent("cpu 1 2 3\n") is None
    assert steal_percent("") is None
