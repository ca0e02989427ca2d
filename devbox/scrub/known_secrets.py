"""Secrets that are known by their looks, wherever they lie."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """``sign`` is a literal that is always there, looked for first because that is quick.

    ``grep`` is an expression of POSIX (ERE) that finds all that ``pattern`` does, and perhaps more.
    """

    name: str
    sign: bytes
    pattern: re.Pattern[bytes]
    grep: str


def _kind(name: str, sign: str, pattern: bytes, grep: str = "") -> Kind:
    return Kind(name, sign.encode(), re.compile(pattern), grep or sign)


# A body has to follow: programs that read keys have the bare headers in their texts.
_BREAK = rb"(?:\\r|\\n|[\r\n])+[ \t]*"
_BODY = rb"(?:[A-Za-z-]+: [^\r\n\\]{1,200}" + _BREAK + rb"){0,4}(?:\\r|\\n|\s)*[A-Za-z0-9+/=]{24}"

KINDS = (
    _kind(
        "private-key",
        "PRIVATE KEY",
        rb"-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----" + _BREAK + _BODY,
        "BEGIN .*PRIVATE KEY",
    ),
    _kind("ssh2-key", "SSH2 ENCRYPTED PRIVATE", rb"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----" + _BREAK),
    _kind("age-key", "AGE-SECRET-KEY-1", rb"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _kind("putty-key", "PuTTY-User-Key-File-", rb"PuTTY-User-Key-File-[123]: [a-z]"),
    _kind(
        "wireguard-key",
        "PrivateKey",
        rb"(?m:^)[ \t]*PrivateKey[ \t]*=[ \t]*[A-Za-z0-9+/]{43}=",
        "PrivateKey *=",
    ),
    _kind("dnssec-key", "Private-key-format: v", rb"Private-key-format: v1\.[0-9]"),
    _kind(
        "aws-key",
        "aws_secret_access_key",
        rb"aws_secret_access_key[\"' \t]*[=:][\"' \t]*[A-Za-z0-9/+]{40}",
    ),
    _kind("github-token", "ghp_", rb"\bghp_[A-Za-z0-9]{36}", "ghp_[A-Za-z0-9]{36}"),
    _kind("github-oauth-token", "gho_", rb"\bgho_[A-Za-z0-9]{36}", "gho_[A-Za-z0-9]{36}"),
    _kind("github-fine-token", "github_pat_", rb"\bgithub_pat_[A-Za-z0-9_]{60}"),
    _kind("gitlab-token", "glpat-", rb"\bglpat-[A-Za-z0-9_-]{20}", "glpat-[A-Za-z0-9_-]{20}"),
    _kind("slack-token", "xox", rb"\bxox[abprs]-[0-9]{8,}-[0-9A-Za-z-]{16,}", "xox[abprs]-[0-9]{8}"),
    _kind("npm-token", "npm_", rb"\bnpm_[A-Za-z0-9]{36}", "npm_[A-Za-z0-9]{36}"),
    _kind("python-index-token", "pypi-AgE", rb"\bpypi-AgE[A-Za-z0-9_-]{50}"),
    _kind("vault-token", "hvs.", rb"\bhvs\.[A-Za-z0-9_-]{24}", "hvs[.][A-Za-z0-9_-]{24}"),
)
NAMES = frozenset(kind.name for kind in KINDS)


def kinds_in(contents: bytes) -> frozenset[str]:
    """The names of all kinds of secrets in these contents."""
    return frozenset(
        kind.name for kind in KINDS if kind.sign in contents and kind.pattern.search(contents) is not None
    )


def found_in(contents: bytes) -> list[tuple[str, int, bytes]]:
    """Each secret as its kind, its offset, and its bytes."""
    return [
        (kind.name, found.start(), found.group())
        for kind in KINDS
        if kind.sign in contents
        for found in kind.pattern.finditer(contents)
    ]
