"""From devbox.yml to an Environment: defaults, ports, includes, and where the file is looked for."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from bad.table import PLAYBOOKS, good
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devbox.environment import Environment, MachineSpec, Port
from devbox.errors import BadInput, Exit, Refused
from devbox.reading.boxes import load_boxes
from devbox.reading.known import HostLimits
from devbox.reading.parsing import find_file, load_environment, load_project
from devbox.units import Size

LARGE = HostLimits(memory=Size.parse("64GiB"), cpus=8, low_ports_allowed=True)
HEAD = "name: shop\nnetwork: {cidr: 10.77.0.0/24}\n"


def load(folder: Path, text: str, limits: HostLimits = LARGE, **fragments: str) -> Environment:
    file = good().write(folder)
    for name, fragment in fragments.items():
        (folder / f"{name}.yml").write_text(fragment)
    file.write_text(text)
    boxes = load_boxes([folder / "boxes"])
    return load_environment(file, boxes=boxes, playbooks=PLAYBOOKS, limits=limits)


def machine(folder: Path, keys: str) -> MachineSpec:
    text = f"{HEAD}machines:\n  api: {{box: small, ip: 10.77.0.10, {keys}}}\n"
    return load(folder, text).machines[0]


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    file = good().write(tmp_path)
    environment, boxes = load_project(
        file, box_folders=[tmp_path / "boxes"], playbooks=PLAYBOOKS, limits=LARGE
    )
    api = MachineSpec(
        name="api",
        box="small",
        ip=IPv4Address("10.77.0.10"),
        cpus=2,
        memory=Size.parse("2GiB"),
        disk=Size.parse("20GiB"),
        bake=("tools",),
        provision=("site",),
        ports=(Port(9292, 9292),),
    )
    assert environment.machine("api") == api
    assert [spec.name for spec in environment.machines] == ["api", "db"]
    assert environment.cidr == IPv4Network("10.77.0.0/24")
    assert (environment.name, environment.vars) == ("shop", {"greeting": "hello"})
    assert environment.project == tmp_path
    assert set(boxes) == {"small"}


def test_defaults(tmp_path: Path) -> None:
    found = machine(tmp_path, "")
    assert (found.cpus, found.memory, found.disk) == (2, Size.parse("2GiB"), Size.parse("20GiB"))
    assert (found.bake, found.provision, found.ports) == ((), (), ())


@pytest.mark.parametrize(
    "written, ports",
    [
        ("[9292]", [(9292, 9292)]),
        ("[8080:80]", [(8080, 80)]),
        ("['8080:80', '443']", [(8080, 80), (443, 443)]),
        ("[22:22]", [(22, 22)]),  # a number to base 60 in YAML 1.1
        ("[53000/tcp]", [(53000, 53000)]),
        ("[80:2222, 81:80]", [(80, 2222), (81, 80)]),
    ],
)
def test_ports(tmp_path: Path, written: str, ports: list[tuple[int, int]]) -> None:
    assert machine(tmp_path, f"ports: {written}").ports == tuple(Port(*pair) for pair in ports)


@pytest.mark.parametrize("written, size", [("1.5GiB", 3 * 2**29), ("' 768 MiB '", 3 * 2**28), ("1G", 2**30)])
def test_sizes(tmp_path: Path, written: str, size: int) -> None:
    assert machine(tmp_path, f"memory: {written}").memory == size


def test_the_same_size_in_other_words_is_the_same_machine(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert machine(tmp_path / "a", "memory: 2048MiB") == machine(tmp_path / "b", "memory: 2GiB")


@pytest.mark.parametrize("cidr, ip", [("10.9.0.0/30", "10.9.0.2"), ("10.9.0.0/16", "10.9.255.254")])
def test_the_smallest_and_the_largest_network(tmp_path: Path, cidr: str, ip: str) -> None:
    text = f"name: shop\nnetwork: {{cidr: {cidr}, mode: user}}\nmachines: {{a: {{box: small, ip: {ip}}}}}\n"
    assert load(tmp_path, text).machines[0].ip == IPv4Address(ip)


def test_fragments_lie_below_the_file_that_includes_them(tmp_path: Path) -> None:
    environment = load(
        tmp_path,
        HEAD
        + "include: [one.yml, two.yml]\nmachines:\n  api: {ip: 10.77.0.10, ports: [80]}\nvars: {c: mine}\n",
        one="include: [base.yml]\nvars: {a: one, b: {x: one}, c: one}\n",
        two="include: [base.yml]\nvars: {b: {y: two}}\nmachines: {web: {box: small, ip: 10.77.0.11}}\n",
        base="machines: {api: {box: small, cpus: 4, ports: [81, 82]}}\nvars: {a: base, z: base}\n",
    )
    assert environment.vars == {"a": "one", "b": {"y": "two"}, "c": "mine", "z": "base"}
    api, web = environment.machines
    assert (api.cpus, api.ports, web.name) == (4, (Port(80, 80),), "web")


def test_a_fragment_reached_twice_keeps_its_place_below_the_first_that_named_it(tmp_path: Path) -> None:
    environment = load(
        tmp_path,
        HEAD + "include: [one.yml, base.yml]\nmachines: {api: {box: small, ip: 10.77.0.10}}\n",
        one="include: [base.yml]\nvars: {a: one}\n",
        base="vars: {a: base}\n",
    )
    assert environment.vars == {"a": "one"}


def test_a_link_out_of_the_project_is_followed_before_it_is_judged(tmp_path: Path) -> None:
    (tmp_path / "outside.yml").write_text("vars: {a: 1}\n")
    project = tmp_path / "project"
    project.mkdir()
    (project / "inside.yml").symlink_to("../outside.yml")
    with pytest.raises(BadInput) as raised:
        load(project, HEAD + "include: [inside.yml]\nmachines: {api: {box: small, ip: 10.77.0.10}}\n")
    assert "'inside.yml' lies outside the project's folder" in raised.value.details


def test_mistakes_of_all_files_come_together(tmp_path: Path) -> None:
    file = good().write(tmp_path)
    (tmp_path / "boxes" / "odd.yml").write_text("family: debian\n")
    (tmp_path / "devbox.yml").write_text(
        HEAD + "machines: {api: {box: odd, ip: 10.77.0.1}}\ninclude: [no.yml]\n"
    )
    with pytest.raises(BadInput) as raised:
        load_project(file, box_folders=[tmp_path / "boxes"], playbooks=PLAYBOOKS, limits=LARGE)
    assert raised.value.exit_status == Exit.BAD_INPUT
    assert [(mistake.file.name, mistake.key) for mistake in raised.value.mistakes] == [
        ("odd.yml", "release"),
        ("odd.yml", "summary"),
        ("devbox.yml", "machines.api.ip"),
        ("devbox.yml", "include[0]"),
    ]
    assert raised.value.advice


def test_nobody_reads_more_than_a_hundred_mistakes(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as raised:
        load(tmp_path, HEAD + f"workarounds: {{skip: [{'x, ' * 150}]}}\n")
    assert len(raised.value.mistakes) == 100
    assert "the first 100 of 150" in raised.value.advice


def test_what_a_host_has_is_the_callers_to_say(tmp_path: Path) -> None:
    text = HEAD + "machines: {api: {box: small, ip: 10.77.0.10, memory: 8GiB, cpus: 8, ports: [80]}}\n"
    assert load(tmp_path, text, LARGE).machines[0].cpus == 8
    with pytest.raises(BadInput) as raised:
        load(tmp_path, text, HostLimits(Size.parse("4GiB"), cpus=1, low_ports_allowed=False))
    assert [mistake.key.rpartition(".")[2] for mistake in raised.value.mistakes] == [
        "cpus",
        "memory",
        "ports[0]",
    ]


def test_the_nearest_file_above_counts(tmp_path: Path) -> None:
    deep = tmp_path / "project" / "src" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "devbox.yml").touch()
    assert find_file(deep) == tmp_path / "devbox.yml"
    (tmp_path / "project" / "devbox.yml").mkdir()  # found, and refused when it is read
    assert find_file(deep) == tmp_path / "project" / "devbox.yml"


def test_no_file_anywhere_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(Refused) as raised:
        find_file(tmp_path)
    assert str(tmp_path) in raised.value.message
    assert "devbox init" in raised.value.advice


KEYS = st.sampled_from(
    ["name", "network", "machines", "vars", "workarounds", "include", "cidr", "box", "ip", "ports"]
)
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["small", "10.77.0.10", "10.77.0.0/24", "2GiB", "devbox.yml", "site"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, ANY, max_size=6))
def test_any_mapping_is_bad_input_and_nothing_else(tmp_path: Path, root: dict[str, object]) -> None:
    import yaml

    file = tmp_path / "devbox.yml"
    file.write_text(yaml.safe_dump(root), encoding="utf-8", errors="replace")
    with pytest.raises(BadInput):  # no box exists, so nothing can be right
        load_environment(file, boxes={}, playbooks=PLAYBOOKS, limits=LARGE)
