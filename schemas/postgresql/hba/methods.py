"""Authentication methods of pg_hba.conf and their options, for PostgreSQL 17 and 18 as in the images.

PostgreSQL documentation, Client Authentication, Authentication Methods.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Final

from schemas.verdict import listed, shown

Options = Mapping[str, str]

_LDAP_SEARCH: Final = (
    "ldapbasedn",
    "ldapbinddn",
    "ldapbindpasswd",
    "ldapsearchattribute",
    "ldapsearchfilter",
)
_LDAP: Final = (
    *("ldapurl", "ldapscheme", "ldapserver", "ldapport", "ldaptls", "ldapprefix", "ldapsuffix"),
    *_LDAP_SEARCH,
)
OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "scram-sha-256": (),
    "md5": (),
    "password": (),
    "cert": (),
    "reject": (),
    "trust": (),
    "peer": (),
    "ident": (),
    "ldap": _LDAP,
    "radius": ("radiusservers", "radiussecrets", "radiusports", "radiusidentifiers"),
    "pam": ("pamservice", "pam_use_hostname"),
    "gss": ("krb_realm", "include_realm"),
}
"""Every method that can be used, with the options of its own."""

SECRETS: Final = frozenset({"ldapbindpasswd", "radiussecrets"})
"""Options that hold a password, which anybody who may read the object then sees."""

_UNUSABLE: Final = {
    "sspi": "works on Windows only",
    "bsd": "works on OpenBSD only",
    "oauth": "needs a validator library, which the image does not contain",
    "crypt": "was removed from PostgreSQL",
    "krb5": "was removed from PostgreSQL; write gss",
}
_SWITCHES: Final = frozenset({"ldaptls", "pam_use_hostname", "include_realm"})
_CHOICES: Final = {
    "clientcert": ("verify-ca", "verify-full"),
    "clientname": ("CN", "DN"),
    "ldapscheme": ("ldap", "ldaps"),
}


def method_problem(method: str, connection: str) -> str | None:
    """Say why a method cannot be used for a connection type, None if it can."""
    if method in _UNUSABLE:
        return f"method {method} {_UNUSABLE[method]}"
    if method not in OPTIONS:
        near = difflib.get_close_matches(method.lower(), OPTIONS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"write {listed(list(OPTIONS), 12, 'or')}"
        return f"method {shown(method)} is not known; {hint}"
    return _misplaced(method, connection)


def _misplaced(method: str, connection: str) -> str | None:
    if method == "peer" and connection != "local":
        return "method peer works for local lines only; write scram-sha-256"
    if method == "gss" and connection == "local":
        return "method gss does not work for local lines; write peer or scram-sha-256"
    if method == "cert" and connection != "hostssl":
        return "method cert needs TLS; start the line with hostssl"
    return None


def option_problem(method: str, connection: str, name: str, value: str) -> str | None:
    """Say what is wrong with one option, None if nothing is."""
    if name == "map":
        return "option map needs a user map in pg_ident.conf, which keddah does not write"
    if name in {"clientcert", "clientname"}:
        problem = _client_certificate(method, connection, name)
        if problem:
            return problem
    elif name not in OPTIONS[method]:
        return _unknown_option(method, name)
    return _bad_value(method, name, value)


def _client_certificate(method: str, connection: str, name: str) -> str | None:
    if connection != "hostssl":
        return f"option {name} needs TLS; start the line with hostssl"
    return None if method != "trust" or name == "clientcert" else "option clientname goes with method cert"


def _unknown_option(method: str, name: str) -> str:
    known = (*OPTIONS[method], "clientcert")
    owners = [other for other, names in OPTIONS.items() if name in names]
    if owners:
        return f"option {name} goes with method {owners[0]}, not {method}"
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"method {method} takes {listed(known, 15)}"
    return f"option {shown(name)} is not known; {hint}"


def _bad_value(method: str, name: str, value: str) -> str | None:
    choices = ("verify-full",) if (method, name) == ("cert", "clientcert") else _CHOICES.get(name)
    if choices and value not in choices:
        return f"option {name} takes {listed(choices, joint='or')}"
    if name in _SWITCHES and value not in {"0", "1"}:
        return f"option {name} takes 0 or 1"
    if name in {"ldapport", "radiusports"} and not _are_ports(value):
        return f"option {name} takes a port from 1 to 65535"
    if name == "ldapurl" and not value.startswith(("ldap://", "ldaps://")):
        return "option ldapurl starts with ldap:// or ldaps://"
    return None


def _are_ports(value: str) -> bool:
    return all(
        part.strip().isascii() and part.strip().isdecimal() and 0 < int(part) <= 65535  # noqa: PLR2004
        for part in value.split(",")
    )


def missing_option(method: str, options: Options) -> str | None:
    """Say which option a method lacks or which two exclude one another, None if all is well."""
    check = _CHECKS.get(method)
    return check(options) if check else None


def _ldap_problem(options: Options) -> str | None:
    # A URL holds the server and the base DN in one.
    searches = "ldapurl" in options or any(name in options for name in _LDAP_SEARCH)
    binds = "ldapprefix" in options or "ldapsuffix" in options
    if searches and binds:
        return "method ldap takes ldapprefix and ldapsuffix, or ldapbasedn with its companions, not both"
    if "ldapurl" not in options and "ldapserver" not in options:
        return "method ldap needs the option ldapserver or ldapurl"
    if not binds and "ldapurl" not in options and "ldapbasedn" not in options:
        return "method ldap needs the option ldapbasedn, ldapprefix or ldapsuffix"
    if "ldapsearchattribute" in options and "ldapsearchfilter" in options:
        return "method ldap takes ldapsearchattribute or ldapsearchfilter, not both"
    return None


def _radius_problem(options: Options) -> str | None:
    for name in ("radiusservers", "radiussecrets"):
        if not options.get(name):
            return f"method radius needs the option {name}"
    servers = len(options["radiusservers"].split(","))
    for name in ("radiussecrets", "radiusports", "radiusidentifiers"):
        if name in options and len(options[name].split(",")) not in {1, servers}:
            return f"option {name} takes one value, or one for each of the {servers} servers"
    return None


_CHECKS: Final[Mapping[str, Callable[[Options], str | None]]] = {
    "ldap": _ldap_problem,
    "radius": _radius_problem,
}
