from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.postgresql.hba import lines as hba

ORDER = "write TYPE DATABASE USER ADDRESS METHOD, such as hostssl all all 10.0.0.0/8 scram-sha-256"
LOCAL_ORDER = "write local DATABASE USER METHOD, such as local all all scram-sha-256"


@pytest.mark.parametrize(
    "line",
    [
        "local all all scram-sha-256",
        "local all all peer",
        "host all all 10.0.0.0/8 scram-sha-256",
        "hostssl app app all scram-sha-256",
        "hostnossl all app 10.1.2.3/32 md5",
        "hostgssenc all all 0.0.0.0/0 gss include_realm=0 krb_realm=EXAMPLE.ORG",
        "hostnogssenc all all samenet scram-sha-256",
        "host all all 10.0.0.1 255.255.255.0 scram-sha-256",
        "host all all ::1/128 scram-sha-256",
        "host all all fd00:: ffff:: scram-sha-256",
        "host all all db.example.org scram-sha-256",
        "host all all .example.org scram-sha-256",
        "host all all samehost trust",
        "host all all 127.0.0.1/32 trust",
        "hostssl all all all password",
        "hostssl all all all cert clientcert=verify-full clientname=DN",
        "hostssl all all all scram-sha-256 clientcert=verify-ca",
        "host all all all reject",
        'host "my db",app "a user",+group all scram-sha-256',
        "host /^app_[0-9]+$ /^read_ all scram-sha-256",
        "host app, other all 10.0.0.0/8 scram-sha-256",
        "host replication cdc 10.0.0.0/8 scram-sha-256",
        'host all all all ldap ldapserver=ldap.example.org ldapprefix="cn=" ldapsuffix=",dc=org"',
        'host all all all ldap ldapurl="ldaps://ldap.example.org/dc=org?uid?sub"',
        "host all all all radius radiusservers=10.0.0.9 radiussecrets=s radiusports=1812",
        "host all all all pam pamservice=postgresql pam_use_hostname=1",
        "\thost\tall  all 10.0.0.0/8   scram-sha-256 ",
    ],
)
def test_a_line_that_a_server_loads_is_accepted(line: str) -> None:
    assert hba.problem(line) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "is empty; leave it out"),
        ("  ", "is empty; leave it out"),
        (
            "local all all trust\nhost all all all trust",
            "contains a line break; write each line as an item of its own",
        ),
        ("local all all trust\0", r'must not contain the character "\u0000"; separate fields by spaces'),
        ("local\u00a0all all trust", 'must not contain the character "\u00a0"; separate fields by spaces'),
        ("local all all trust \\", "must not end with a backslash, which would join it to the next line"),
        ("# local all all trust", "comments are not allowed here; write them in the manifest's YAML"),
        ("local all all peer # me", "comments are not allowed here; write them in the manifest's YAML"),
        ("include /etc/passwd", "include directives are not allowed; write the lines themselves"),
        (
            "hosts all all all md5",
            'type "hosts" is not known; write local, host, hostssl, hostnossl, hostgssenc or hostnogssenc',
        ),
        ("host,local all all all md5", "type contains a comma; write one line for each type"),
        ("host all all md5", f"has 4 fields, needs 5; {ORDER}"),
        ("local all all", f"has 3 fields, needs 4; {LOCAL_ORDER}"),
        ('host "all all all md5', 'a double quote is not closed; write " once more'),
        ("local @names all peer", 'database "@names" would be read from a file; write the names themselves'),
        ("local all @names peer", 'user "@names" would be read from a file; write the names themselves'),
        ("local all + peer", 'user "+" lacks a name after +'),
        (
            "local /(a all peer",
            'database pattern "(a" has a bracket or a backslash without its other half',
        ),
        ("local all /*a peer", 'user pattern "*a" starts with a quantifier'),
    ],
)
def test_a_misshapen_line_says_what_is_wrong(line: str, message: str) -> None:
    assert hba.problem(line) == message


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("10.0.0.1", "address 10.0.0.1 lacks its mask; write 10.0.0.1/32 for this one address"),
        ("::1", "address ::1 lacks its mask; write ::1/128 for this one address"),
        ("10.0.0.0/33", 'address "10.0.0.0/33" needs a number from 0 to 32 after the slash'),
        ("10.0.0.0/", 'address "10.0.0.0/" needs a number from 0 to 32 after the slash'),
        ("10.0/8", 'address "10.0/8" is not a network; write one such as 10.0.0.0/8 or fd00::/8'),
        ("10.0.0.1 255.0.255.0", "mask 255.0.255.0 has gaps; write 10.0.0.1/ and the number of leading bits"),
        ("10.0.0.1 ffff::", "address 10.0.0.1 and mask ffff:: are not of one family"),
        ("10.0.0.1/32,10.0.0.2/32", "address contains a comma; write one line for each address"),
        ("ALL", "address ALL would be a host of that name; write all"),
        (
            "300.1.2.3",
            'address "300.1.2.3" is not known; write 10.0.0.0/8, a host name, all, samehost or samenet',
        ),
        ("a..b", 'address "a..b" is not known; write 10.0.0.0/8, a host name, all, samehost or samenet'),
    ],
)
def test_a_wrong_address_says_what_is_right(address: str, message: str) -> None:
    assert hba.problem(f"host all all {address} scram-sha-256") == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("host all all all scram", 'method "scram" is not known; did you mean scram-sha-256?'),
        ("host all all all MD5", 'method "MD5" is not known; did you mean md5?'),
        ("host all all all sspi", "method sspi works on Windows only"),
        (
            "hostssl all all all oauth",
            "method oauth needs a validator library, which the image does not contain",
        ),
        ("host all all all peer", "method peer works for local lines only; write scram-sha-256"),
        ("local all all gss", "method gss does not work for local lines; write peer or scram-sha-256"),
        ("host all all all cert", "method cert needs TLS; start the line with hostssl"),
        ("host all all all md5 x", 'option "x" lacks a value; write name=value'),
        (
            "local all all peer map=me",
            "option map needs a user map in pg_ident.conf, which keddah does not write",
        ),
        ("host all all all pam pamservise=x", 'option "pamservise" is not known; did you mean pamservice?'),
        ("host all all all md5 ldaptls=1", "option ldaptls goes with method ldap, not md5"),
        (
            "host all all all md5 clientcert=verify-ca",
            "option clientcert needs TLS; start the line with hostssl",
        ),
        ("hostssl all all all md5 clientcert=1", "option clientcert takes verify-ca or verify-full"),
        ("hostssl all all all cert clientcert=verify-ca", "option clientcert takes verify-full"),
        ("hostssl all all all gss include_realm=yes", "option include_realm takes 0 or 1"),
        ("host all all all ldap", "method ldap needs the option ldapserver or ldapurl"),
        (
            "host all all all ldap ldapserver=x",
            "method ldap needs the option ldapbasedn, ldapprefix or ldapsuffix",
        ),
        (
            "host all all all ldap ldapserver=x ldapbasedn=b ldapprefix=c",
            "method ldap takes ldapprefix and ldapsuffix, or ldapbasedn with its companions, not both",
        ),
        (
            "host all all all ldap ldapserver=x ldapbasedn=b ldapport=0",
            "option ldapport takes a port from 1 to 65535",
        ),
        ("host all all all radius radiusservers=x", "method radius needs the option radiussecrets"),
    ],
)
def test_a_wrong_method_says_what_is_right(line: str, message: str) -> None:
    assert hba.problem(line) == message


@pytest.mark.parametrize(
    "address", ["all", "0.0.0.0/0", "::/0", "8.8.8.8/32", "10.0.0.0/7", "0.0.0.0 0.0.0.0"]
)
@pytest.mark.parametrize("method", ["trust", "ident"])
@pytest.mark.parametrize("connection", ["host", "hostssl"])
def test_nobody_lets_the_world_in_without_a_password(connection: str, address: str, method: str) -> None:
    found = hba.problem(f"{connection} all all {address} {method}")
    assert found == f"method {method} would let anybody connect without a password; write scram-sha-256"


def test_clear_passwords_do_not_cross_the_world() -> None:
    found = hba.problem("host all all 0.0.0.0/0 password")
    assert found == "method password would send passwords unencrypted over the network; write scram-sha-256"


@pytest.mark.parametrize("role", ["postgres", "replicator", '"postgres"', "app,postgres"])
@pytest.mark.parametrize("method", ["reject", "trust", "scram-sha-256"])
def test_keddahs_own_roles_are_protected(role: str, method: str) -> None:
    found = hba.problem(f"host all {role} 10.0.0.0/8 {method}")
    name = "replicator" if role == "replicator" else "postgres"
    assert found == f"role {name} belongs to keddah, whose own lines come first; leave it out"


def test_a_quoted_keyword_is_a_plain_name() -> None:
    assert hba.problem('host "all" all "all" trust') is None  # a host named all, not the world


@pytest.mark.parametrize(
    ("line", "doubt"),
    [
        ("local all all md5", "method md5 is deprecated since PostgreSQL 18; write scram-sha-256"),
        (
            "host all all 10.0.0.0/8 trust",
            "method trust lets everybody at that address in without a password",
        ),
        (
            "hostssl all all all password",
            "method password sends the password itself to the server; write scram-sha-256",
        ),
        (
            "host all all all ldap ldapserver=x ldapbasedn=b ldapbindpasswd=p",
            "ldapbindpasswd is readable for everybody who may read this object",
        ),
        ("hostssl all all all scram-sha-256", None),
        ("local all all peer", None),
        ("nonsense", None),
    ],
)
def test_what_is_legal_and_unwise_is_told(line: str, doubt: str | None) -> None:
    assert hba.warning(line) == doubt


_WORDS = st.sampled_from(
    (
        "host",
        "local",
        "all",
        "app",
        '"',
        "10.0.0.0/8",
        "trust",
        "md5",
        "ldap",
        ",",
        "/[",
        "a=b",
        "#",
        "\\",
        "é",
    )
)


@settings(max_examples=100)
@given(st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=8).map(" ".join)))
def test_no_text_is_a_crash(line: str) -> None:
    found = hba.problem(line)
    assert found is None or ("\n" not in found and len(found) < 250)
    hba.warning(line)
