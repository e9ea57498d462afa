"""spec.databases and spec.roles: what is in the server beside the application's database and role."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from schemas.api.fields import Identifier, Moment, Part, SecretReference, about

_MOST_DATABASES = 100
_MOST_ROLES = 500
_MOST = 64
_HIGHEST = 2147483647

Reclaim = Literal["Retain", "Delete"]
Access = Literal["Read", "Write", "Owner"]
Provider = Literal["builtin", "icu", "libc"]
Attribute = Literal["CreateDatabase", "CreateRole", "Replication", "BypassRowSecurity"]
Limit = Annotated[int, Meta(ge=-1, le=_HIGHEST, extra_json_schema={"format": "int32"})]
Short = Annotated[str, Meta(min_length=1, max_length=63)]


class Extension(Part, frozen=True, kw_only=True):
    """An extension of a database."""

    name: Annotated[Short, about("Name of the extension, as CREATE EXTENSION takes it.")]
    version: Annotated[
        Short | UnsetType, about("Its version; the newest that the image has when absent.")
    ] = UNSET
    schema: Annotated[
        Identifier | UnsetType, about("Schema of its objects; where it asks for, or public, when absent.")
    ] = UNSET


class DatabaseSchema(Part, frozen=True, kw_only=True):
    """A schema of a database."""

    name: Annotated[Identifier, about("Name of the schema.")]
    owner: Annotated[
        Identifier | UnsetType, about("Role that owns it; the owner of the database when absent.")
    ] = UNSET


Extensions = Annotated[list[str | Extension], Meta(max_length=_MOST)]


class Database(Part, frozen=True, kw_only=True):
    """A database in the server."""

    name: Annotated[Identifier, about("Name of the database.")]
    owner: Annotated[
        Identifier | UnsetType,
        about("Role that owns it: one of spec.roles, or spec.owner, which it is when absent."),
    ] = UNSET
    encoding: Annotated[Short, about("Character set; only at creation.")] = "UTF8"
    locale_provider: Annotated[
        Provider,
        about("Who sorts: builtin does not depend on the image's libraries. Only at creation."),
    ] = "builtin"
    locale: Annotated[
        Short | UnsetType, about("Locale of that provider; C.UTF-8 when absent. Only at creation.")
    ] = UNSET
    connection_limit: Annotated[Limit | UnsetType, about("Concurrent connections; -1 for no limit.")] = UNSET
    extensions: Annotated[
        Extensions,
        about(
            "Its extensions: names, or objects of name, version and schema. One that is taken out stays.",
            list_type="atomic",
        ),
    ] = field(default_factory=list)
    schemas: Annotated[
        Annotated[list[DatabaseSchema], Meta(max_length=_MOST)],
        about(
            "Its schemas besides public. One that is taken out stays.",
            list_type="map",
            list_map_keys=["name"],
        ),
    ] = field(default_factory=list)
    reclaim: Annotated[
        Reclaim,
        about(
            "What becomes of the database once this entry is taken out: Retain leaves it alone, Delete drops"
            " it with its data."
        ),
    ] = "Retain"


class Grant(Part, frozen=True, kw_only=True):
    """Access to a database or a schema, to what is there and to what its owners create later."""

    database: Annotated[Identifier, about("A database of spec.databases, or spec.database.")]
    schema: Annotated[
        Identifier | UnsetType, about("A schema of it; all of them when absent, later ones too.")
    ] = UNSET
    access: Annotated[
        Access,
        about(
            "Read: SELECT. Write: also INSERT, UPDATE and DELETE, and sequences. Owner: also TRUNCATE and"
            " REFERENCES, and CREATE in the schema. Not on what belongs to extensions or superusers."
        ),
    ]


class Password(Part, frozen=True, kw_only=True):
    """Where the password of a role comes from, and for how long it is used.

    Without a Secret keddah makes one, in the Secret NAME-role-ROLE (of spec.owner: NAME-app).
    """

    secret: Annotated[
        SecretReference | UnsetType,
        about(
            "A Secret of yours whose key `password` is the password, instead of one that keddah makes. The"
            " end of a line at its end does not count."
        ),
    ] = UNSET
    rotate_every: Annotated[
        Annotated[str, Meta(max_length=32)] | UnsetType,
        about(
            "After how long keddah makes a new password, such as 30d; never when absent. The Secret has it"
            " with another login each time, which has all of the role's rights; the former one stays valid"
            " until the rotation after it."
        ),
    ] = UNSET


Members = Annotated[list[Identifier], Meta(max_length=_MOST)]
Grants = Annotated[list[Grant], Meta(max_length=_MOST)]


class Role(Part, frozen=True, kw_only=True):
    """A role in the server. What is not said of it is left as it is."""

    name: Annotated[Identifier, about("Name of the role.")]
    login: Annotated[bool, about("Whether it can log in; a role that cannot has no password.")] = True
    password: Annotated[Password | UnsetType, about("Where its password comes from.")] = UNSET
    member_of: Annotated[
        Members,
        about(
            "Roles whose privileges it has: of spec.roles, spec.owner, or PostgreSQL's own (pg_monitor).",
            list_type="set",
        ),
    ] = field(default_factory=list)
    connection_limit: Annotated[
        Limit | UnsetType,
        about(
            "Concurrent connections, of each of its two logins where its password rotates; -1 for no limit."
        ),
    ] = UNSET
    valid_until: Annotated[
        Moment | UnsetType, about("After which moment its password is refused, RFC 3339.")
    ] = UNSET
    attributes: Annotated[
        Annotated[list[Attribute], Meta(max_length=4)] | UnsetType,
        about("All it may do besides; never a superuser's part.", list_type="set"),
    ] = UNSET
    grants: Annotated[Grants, about("Its access to databases and schemas.", list_type="atomic")] = field(
        default_factory=list
    )


Databases = Annotated[list[Database], Meta(max_length=_MOST_DATABASES)]
Roles = Annotated[list[Role], Meta(max_length=_MOST_ROLES)]


class DatabaseStatus(Part, frozen=True, kw_only=True):
    """What became of an entry of spec.databases."""

    name: Annotated[str, about("Name of the database.")]
    applied: Annotated[bool, about("Whether it is as declared.")]
    message: Annotated[str, about("Why not.")] = ""
    reclaim: Annotated[Reclaim, about("What its entry last said to be done once it is taken out.")] = "Retain"


class RoleStatus(Part, frozen=True, kw_only=True):
    """What became of an entry of spec.roles."""

    name: Annotated[str, about("Name of the role.")]
    applied: Annotated[bool, about("Whether it is as declared.")]
    message: Annotated[str, about("Why not.")] = ""
    member_of: Annotated[list[str], about("Memberships that were given.", list_type="atomic")] = field(
        default_factory=list
    )
    grants: Annotated[list[Grant], about("Access that was given.", list_type="atomic")] = field(
        default_factory=list
    )
    login: Annotated[
        str | UnsetType, about("With which login its Secret is, where its password was or will be rotated.")
    ] = UNSET
    last_rotation_time: Annotated[
        str | UnsetType, about("When the Secret was last given another login and password, RFC 3339.")
    ] = UNSET
    next_rotation_time: Annotated[
        str | UnsetType, about("When that is due again, by password.rotateEvery.")
    ] = UNSET


def extension(given: str | Extension) -> Extension:
    """Return an extension as an object, however it was written."""
    return Extension(name=given) if isinstance(given, str) else given
