"""The types of single values in YAML files, each with the sentence about a wrong one and its JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, NetmaskValueError
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from devbox.environment import Port, Where
from devbox.reading import names
from devbox.reading.documents import quoted
from devbox.units import Size

LARGEST = Size.parse("16TiB")

_SIZE = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})? ?([KMGT]iB|[KMGT]|B)")
_LOOSE_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) *([kmgt])i?b?(?:ytes)?", re.IGNORECASE)
_PORTS = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")
_HIGHEST_PORT = 65535


def kind(value: object) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {quoted(value)[1:-1]}"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    return "a list" if isinstance(value, list) else "a mapping"


def _text(value: object, example: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"this must be a text such as {example}, not {kind(value)}")  # noqa: TRY004 - pydantic wants it
    return value


def size(value: object) -> Size:
    """A number with a unit; a bare number is refused, since nobody means bytes by 2048."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"{quoted(value)[1:-1]} has no unit{_with_unit(value)}")  # noqa: TRY004 - pydantic wants it
    text = _text(value, "2GiB").strip()
    if text.isascii() and text.isdigit():
        raise ValueError(f"{quoted(text)} has no unit{_with_unit(int(text[:15]))}")
    if not _SIZE.fullmatch(text):
        loose = _LOOSE_SIZE.fullmatch(text)
        instead = f"; write {loose[1]}{loose[2].upper()}iB" if loose else ", such as 2GiB or 512MiB"
        raise ValueError(f"{quoted(text)} is no number with a unit{instead}")
    parsed = Size.parse(text)
    if parsed == 0:
        raise ValueError("this must be more than 0")
    if parsed > LARGEST:
        raise ValueError(f"this must not be more than {LARGEST}")
    return parsed


def _with_unit(number: int) -> str:
    """What a person who forgot the unit most likely meant."""
    if number <= 0:
        return "; write a size such as 2GiB"
    if number < 128:
        return f"; write {number}GiB"
    return f"; write {number}MiB" if number < 2**20 else f"; write {Size(number)}"


def address(value: object) -> IPv4Address:
    text = _text(value, "10.77.0.10")
    try:
        return IPv4Address(text)
    except AddressValueError:
        pass
    try:
        IPv6Address(text)
    except AddressValueError:
        raise ValueError(f"{quoted(text)} is no IPv4 address such as 10.77.0.10") from None
    raise ValueError(f"{quoted(text)} is an IPv6 address; machines have IPv4 addresses")


def network(value: object) -> IPv4Network:
    text = _text(value, "10.77.0.0/24")
    if ":" in text:
        raise ValueError(f"{quoted(text)} is no IPv4 network; IPv6 ones are not supported")
    number, slash, prefix = text.partition("/")
    if not slash or not (prefix.isascii() and prefix.isdigit()):
        raise ValueError(f"{quoted(text)} has no prefix length; write a network such as 10.77.0.0/24")
    try:
        loose = IPv4Network(text, strict=False)
        exact = IPv4Address(number) == loose.network_address
    except (AddressValueError, NetmaskValueError):
        raise ValueError(f"{quoted(text)} is no IPv4 network such as 10.77.0.0/24") from None
    if not exact:
        raise ValueError(f"{quoted(text)} is an address inside a network; write the network: '{loose}'")
    return loose


def mode(value: object) -> str:
    text = _text(value, "'user'")
    if text != "user":
        raise ValueError(f"{quoted(text)} is no mode of the network; there is 'user'")
    return text


def bake_in(value: object) -> Where:
    text = _text(value, "'host'")
    if text not in set(Where):
        raise ValueError(f"{quoted(text)} is no place to bake in; there are 'host' and 'guest'")
    return Where(text)


def port(value: object) -> Port:
    """``9292`` (the same on both sides) or ``"8080:80"`` (the host's, then the machine's)."""
    if isinstance(value, int) and not isinstance(value, bool):
        host = guest = value
    else:
        text = _text(value, "'8080:80', or a number such as 9292").removesuffix("/tcp")
        match = _PORTS.fullmatch(f"{text}:{text}" if ":" not in text else text)
        if match is None:
            form = "write a TCP port such as 9292, or HOST:GUEST such as '8080:80'"
            raise ValueError(f"{quoted(value)} is no port; {form}")
        host, guest = int(match[1]), int(match[2])
    for number in (host, guest):
        if not 1 <= number <= _HIGHEST_PORT:
            raise ValueError(f"the port {quoted(number)[1:-1]} is not between 1 and {_HIGHEST_PORT}")
    return Port(host, guest)


def whole(least: int, most: int) -> Callable[[object], int]:
    """A whole number between the two."""

    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"this must be a whole number, not {kind(value)}")  # noqa: TRY004 - pydantic wants it
        if not least <= value <= most:
            raise ValueError(f"{quoted(value)[1:-1]} is not between {least} and {most}")
        return value

    return check


def matching(pattern: str, wanted: str) -> Callable[[str], str]:
    """A text of a form; ``wanted`` ends the sentence about one that isn't."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"{quoted(value)} is {wanted}")
        return value

    return check


def form(pattern: str, **more: Any) -> WithJsonSchema:
    """The JSON schema of a text of a form."""
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", **more})


_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"({_OCTET}\.){{3}}{_OCTET}"
_PORT_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": _HIGHEST_PORT},
            {"type": "string", "pattern": r"^[0-9]{1,5}(:[0-9]{1,5})?(/tcp)?$"},
        ]
    }
)

Label = Annotated[str, AfterValidator(names.label), form(names.LABEL)]
Workaround = Annotated[
    str,
    AfterValidator(matching(names.WORKAROUND, "no name: use lower-case letters, digits, '.' and '-'")),
    form(names.WORKAROUND),
]
Playbook = Annotated[str, AfterValidator(names.playbook), form(names.PLAYBOOK)]
Bytes = Annotated[Size, PlainValidator(size), form(r" *[0-9]{1,15}(\.[0-9]{1,6})? ?([KMGT]iB|[KMGT]|B) *")]
Address = Annotated[IPv4Address, PlainValidator(address), form(_IPV4)]
Network = Annotated[IPv4Network, PlainValidator(network), form(rf"{_IPV4}/([0-9]|[12][0-9]|3[0-2])")]
Mode = Annotated[str, PlainValidator(mode), WithJsonSchema({"enum": ["user"]})]
BakeIn = Annotated[Where, PlainValidator(bake_in), WithJsonSchema({"enum": [*Where]})]
Ports = Annotated[Port, PlainValidator(port), _PORT_SCHEMA]
Cpus = Annotated[
    int, PlainValidator(whole(1, 255)), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 255})
]
