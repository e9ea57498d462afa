"""What is asked of the server as a whole: its role, replication, WAL, the archive, checkpoints."""

from __future__ import annotations

from typing import Final

from controller.desired.exporter.metric import Query, counter, gauge

SERVER: Final = (
    Query(
        "pg_is_in_recovery(), pg_postmaster_start_time()",
        """
        SELECT pg_is_in_recovery()::int, extract(epoch FROM pg_postmaster_start_time()),
            CASE WHEN pg_is_in_recovery() THEN coalesce(
                (SELECT received_tli FROM pg_stat_wal_receiver),
                (SELECT timeline_id FROM pg_control_checkpoint()))
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END,
            pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()
                THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                ELSE pg_current_wal_lsn() END, '0/0')
        """,
        (
            gauge("pg_replication_is_replica", "1 of a standby, 0 of a primary."),
            gauge(
                "pg_postmaster_start_time_seconds", "When the server was started, as Unix time.", "seconds"
            ),
            gauge("pg_timeline_id", "The timeline that the server is on; a failover begins a new one."),
            counter(
                "pg_wal_position_bytes",
                "Position in the WAL: written by a primary, received by a standby. Its rate is that of WAL.",
                "bytes",
            ),
        ),
    ),
    Query(
        "version()",
        "SELECT current_setting('server_version'), 1",
        (gauge("pg_static", "1, with the server's version."),),
        ("short_version",),
        every=60,
    ),
    Query(
        "pg_settings",
        """
        SELECT current_setting('max_connections'), current_setting('superuser_reserved_connections'),
            current_setting('reserved_connections'), current_setting('autovacuum_freeze_max_age'),
            (current_setting('synchronous_standby_names') <> '')::int
        """,
        (
            gauge("pg_settings_max_connections", "Connections that the server takes at most."),
            gauge("pg_settings_superuser_reserved_connections", "Of these, for superusers only."),
            gauge("pg_settings_reserved_connections", "Of these, for pg_use_reserved_connections only."),
            gauge(
                "pg_settings_autovacuum_freeze_max_age",
                "Age in transactions at which a table is vacuumed against wraparound in any case.",
            ),
            gauge("pg_replication_synchronous", "1 while commits wait for a standby."),
        ),
    ),
)

STANDBYS: Final = (
    Query(
        "pg_last_xact_replay_timestamp(), pg_stat_wal_receiver",
        """
        SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0
                WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND streaming THEN 0
                ELSE greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp())) END,
            CASE WHEN pg_is_in_recovery() THEN greatest(0, pg_wal_lsn_diff(
                greatest(latest, pg_last_wal_receive_lsn()), pg_last_wal_replay_lsn())) ELSE 0 END,
            CASE WHEN pg_is_in_recovery() THEN streaming::int ELSE NULL END
        FROM (SELECT bool_or(status = 'streaming') IS TRUE AS streaming, max(latest_end_lsn) AS latest
            FROM pg_stat_wal_receiver) receiver
        """,
        (
            gauge(
                "pg_replication_lag_seconds",
                "Of a standby: age of the newest transaction that it has replayed, 0 if it has replayed all.",
                "seconds",
            ),
            gauge(
                "pg_replication_lag_bytes",
                "Of a standby: WAL that its primary has said to have, and that it has not replayed.",
                "bytes",
            ),
            gauge("pg_wal_receiver_streaming", "Of a standby: 1 while it receives WAL from its primary."),
        ),
    ),
    Query(
        "pg_stat_replication",
        """
        SELECT application_name, state, sync_state, max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)),
            coalesce(max(extract(epoch FROM replay_lag)), 0)
        FROM pg_stat_replication GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT 50
        """,
        (
            gauge(
                "pg_stat_replication_pg_wal_lsn_diff",
                "Of a primary: WAL that this standby, or other receiver, has not replayed.",
                "bytes",
            ),
            gauge(
                "pg_stat_replication_replay_lag_seconds",
                "Of a primary: how long this standby took last to replay what was written.",
                "seconds",
            ),
        ),
        ("application_name", "state", "sync_state"),
        where="primary",
    ),
    Query(
        "pg_stat_replication",
        """
        SELECT count(*) FILTER (WHERE state = 'streaming'),
            count(*) FILTER (WHERE sync_state IN ('sync', 'quorum'))
        FROM pg_stat_replication
        """,
        (
            gauge("pg_replication_standbys", "Of a primary: who receives its WAL as it is written."),
            gauge("pg_replication_synchronous_standbys", "Of a primary: standbys that commits may wait for."),
        ),
        where="primary",
    ),
    Query(
        "pg_replication_slots",
        """
        SELECT slot_name, slot_type, active::int, safe_wal_size, (wal_status = 'lost')::int,
            pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                ELSE pg_current_wal_lsn() END, restart_lsn)
        FROM pg_replication_slots ORDER BY restart_lsn NULLS LAST, slot_name LIMIT 50
        """,
        (
            gauge("pg_replication_slot_slot_is_active", "1 while somebody reads from the slot."),
            gauge(
                "pg_replication_slot_safe_wal_size_bytes",
                "WAL that may be written before the slot may lose some; absent without a bound.",
                "bytes",
            ),
            gauge(
                "pg_replication_slot_lost", "1 of a slot that has lost WAL that it needs: it is of no use."
            ),
            gauge("pg_replication_slots_pg_wal_lsn_diff", "WAL that the slot holds.", "bytes"),
        ),
        ("slot_name", "slot_type"),
    ),
)

WAL: Final = (
    Query(
        "pg_stat_wal",
        "SELECT wal_bytes, wal_records, wal_fpi FROM pg_stat_wal",
        (
            counter("pg_stat_wal_bytes_total", "WAL that was made.", "bytes"),
            counter("pg_stat_wal_records_total", "Records of WAL that were made."),
            counter("pg_stat_wal_fpi_total", "Whole pages in the WAL, of first changes after a checkpoint."),
        ),
    ),
    Query(
        "pg_ls_waldir()",
        "SELECT count(*), coalesce(sum(size), 0) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'",
        (
            gauge("pg_wal_segments", "Files of WAL on the volume."),
            gauge("pg_wal_size_bytes", "What they take.", "bytes"),
        ),
    ),
    Query(
        "pg_stat_archiver",
        """
        SELECT archived_count, failed_count, extract(epoch FROM now() - last_archived_time),
            (coalesce(last_failed_time, '-infinity') > coalesce(last_archived_time, '-infinity'))::int
        FROM pg_stat_archiver
        """,
        (
            counter("pg_stat_archiver_archived_count", "Files of WAL that were archived."),
            counter("pg_stat_archiver_failed_count", "Attempts to archive one that failed."),
            gauge("pg_stat_archiver_last_archive_age", "Time since the last was archived.", "seconds"),
            gauge("pg_stat_archiver_failing", "1 while the last attempt was one that failed."),
        ),
        where="primary",
    ),
    Query(
        "pg_ls_archive_statusdir()",
        """
        SELECT count(*), greatest(0, coalesce(extract(epoch FROM now() - min(modification)), 0))
        FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'
        """,
        (
            gauge("pg_wal_archive_waiting", "Files of WAL that wait to be archived."),
            gauge(
                "pg_wal_archive_lag_seconds",
                "How long the first of them has waited, 0 if none does.",
                "seconds",
            ),
        ),
        where="primary",
    ),
    Query(
        "pg_stat_checkpointer",
        """
        SELECT num_timed, num_requested, restartpoints_done, write_time, sync_time, buffers_written
        FROM pg_stat_checkpointer
        """,
        (
            counter("pg_stat_checkpointer_num_timed_total", "Checkpoints because it was time."),
            counter(
                "pg_stat_checkpointer_num_requested_total", "Checkpoints because of much WAL, or by hand."
            ),
            counter(
                "pg_stat_checkpointer_restartpoints_done_total", "Restartpoints, a standby's checkpoints."
            ),
            counter("pg_stat_checkpointer_write_time_total", "Time of writing in them.", "milliseconds"),
            counter("pg_stat_checkpointer_sync_time_total", "Time of syncing in them.", "milliseconds"),
            counter("pg_stat_checkpointer_buffers_written_total", "Pages that they wrote."),
        ),
    ),
    Query(
        "pg_stat_bgwriter",
        "SELECT buffers_clean, maxwritten_clean, buffers_alloc FROM pg_stat_bgwriter",
        (
            counter("pg_stat_bgwriter_buffers_clean_total", "Pages that the background writer wrote."),
            counter("pg_stat_bgwriter_maxwritten_clean_total", "Times that it stopped because of so many."),
            counter("pg_stat_bgwriter_buffers_alloc_total", "Buffers that were allocated."),
        ),
    ),
)
