"""Parameters that Patroni or keddah must own, or that would break a promise: what to use instead, or why.

Patroni documentation, Dynamic Configuration Settings, PostgreSQL parameters controlled by Patroni.
"""

from __future__ import annotations

from typing import Final

_BY_REASON: Final = {
    "spec.backup configures WAL archiving": "archive_mode archive_command archive_library archive_timeout "
    "archive_cleanup_command",
    "use spec.restore": "restore_command recovery_end_command recovery_target "
    "recovery_target_action recovery_target_inclusive recovery_target_lsn recovery_target_name "
    "recovery_target_time recovery_target_timeline recovery_target_xid",
    "Patroni sets it on each standby": "primary_conninfo primary_slot_name",
    "logs go to standard error, where kubectl logs reads them": "log_destination logging_collector "
    "log_directory log_filename log_file_mode log_rotation_age log_rotation_size log_truncate_on_rotation "
    "syslog_facility syslog_ident syslog_sequence_numbers syslog_split_messages event_source",
    "TLS is always on, with the certificate that keddah issues": "ssl ssl_ca_file ssl_cert_file "
    "ssl_key_file ssl_crl_file ssl_crl_dir ssl_dh_params_file ssl_ciphers ssl_tls13_ciphers ssl_ecdh_curve "
    "ssl_groups ssl_passphrase_command ssl_passphrase_command_supports_reload ssl_prefer_server_ciphers "
    "ssl_max_protocol_version",
    "paths in the pod are keddah's": "data_directory config_file ident_file external_pid_file "
    "krb_server_keyfile",
    "keddah itself connects by this socket": "unix_socket_directories unix_socket_group "
    "unix_socket_permissions",
    "it can lose or corrupt committed data": "fsync full_page_writes data_sync_retry "
    "ignore_checksum_failure ignore_invalid_pages zero_damaged_pages",
    "it belongs to one transaction, use SET TRANSACTION": "transaction_deferrable transaction_isolation "
    "transaction_read_only",
    "it exists on other operating systems only": "bonjour bonjour_name",
    "every instance listens on all addresses, and spec.hba says who may connect": "listen_addresses",
    "it is always 5432": "port",
    "it is the database's own name": "cluster_name",
    "it is always on, so that standbys answer queries": "hot_standby",
    "it is always on, since pg_rewind needs it": "wal_log_hints",
    "use spec.synchronous": "synchronous_standby_names",
    "use spec.hba": "hba_file",
    "it would delay every standby, so that none could take over": "recovery_min_apply_delay",
    "it is always scram-sha-256": "password_encryption",
    "it delays every connection, the standbys' too": "pre_auth_delay post_auth_delay",
}
REASONS: Final = {name: reason for reason, names in _BY_REASON.items() for name in names.split()}
"""Lower-case name to the reason."""

VALUES: Final = {
    (
        "wal_level",
        "minimal",
    ): "write replica, or logical for logical replication; standbys need at least replica",
    ("io_method", "io_uring"): "write worker or sync; containers may not use io_uring",
}
"""Lower-case name and value that PostgreSQL takes and a pod cannot, to what is right."""
