"""What is said to PostgreSQL, and what each version of the schema adds. Names are looked up in the session's schema."""

from collections.abc import Mapping

CHANGES: Mapping[int, tuple[str, ...]] = {
    1: (
        """
CREATE TABLE event (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident text NOT NULL, kind text NOT NULL, at float8 NOT NULL, key text NOT NULL UNIQUE, body text NOT NULL,
    epoch bigint NOT NULL
)""",
        "CREATE INDEX event_incident ON event (incident, seq)",
        "CREATE INDEX event_at ON event (at)",
        """
CREATE TABLE lease (
    id integer PRIMARY KEY CHECK (id = 1), holder text NOT NULL, epoch bigint NOT NULL, expires timestamptz NOT NULL
)""",
        "INSERT INTO lease VALUES (1, '', 0, '-infinity')",
        "CREATE TABLE heartbeat (id integer PRIMARY KEY CHECK (id = 1), at float8 NOT NULL, body text NOT NULL)",
        "CREATE TABLE maintenance (id text PRIMARY KEY, start float8 NOT NULL, stop float8, body text NOT NULL)",
        "CREATE TABLE policy (id text PRIMARY KEY, text text NOT NULL)",
        "CREATE TABLE aggregate (day text NOT NULL, key text NOT NULL, body text NOT NULL, PRIMARY KEY (day, key))",
        """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE, at float8 NOT NULL, body text NOT NULL, sent boolean NOT NULL DEFAULT false
)""",
        "CREATE INDEX outbox_waiting ON outbox (id) WHERE NOT sent",
        """
CREATE TABLE inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE, at float8 NOT NULL, body text NOT NULL
)""",
    ),
}
"""Statements by version. A released version is never edited: a change is a new one, and only adds, since replicas of
the version before still write during a rolling update."""

SETTINGS = """
SELECT set_config('search_path', %(schema)s, false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('statement_timeout', %(limit)s, false),
       set_config('idle_in_transaction_session_timeout', %(limit)s, false),
       CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END
"""
"""Of the session. The fence needs READ COMMITTED: a statement that waited for a lock looks at the row again."""

ACQUIRE = """
INSERT INTO lease (id, holder, epoch, expires)
VALUES (1, %(holder)s, 1, clock_timestamp() + %(ttl)s * interval '1 second')
ON CONFLICT (id) DO UPDATE SET
    epoch = lease.epoch + (lease.holder <> excluded.holder)::int,
    holder = excluded.holder,
    expires = clock_timestamp() + %(ttl)s * interval '1 second'
WHERE lease.holder = excluded.holder OR lease.expires < clock_timestamp()
RETURNING epoch
"""
"""Time is the database's only, and read after the row is locked."""

RELEASE = "UPDATE lease SET holder = '', expires = '-infinity' WHERE holder = %(holder)s AND epoch = %(epoch)s"

_HELD = """
held AS MATERIALIZED (
    SELECT epoch FROM lease
    WHERE holder = %(holder)s AND epoch = %(epoch)s AND expires > clock_timestamp() FOR SHARE
)"""

APPEND = f"""
WITH {_HELD}, added AS (
    INSERT INTO event (incident, kind, at, key, body, epoch)
    SELECT r.incident, r.kind, r.at, r.key, r.body, held.epoch
    FROM held, unnest(%(incidents)s::text[], %(kinds)s::text[], %(ats)s::float8[], %(keys)s::text[], %(bodies)s::text[])
        WITH ORDINALITY AS r (incident, kind, at, key, body, n)
    ORDER BY r.n
    ON CONFLICT (key) DO NOTHING RETURNING seq, key
), beat AS (
    INSERT INTO heartbeat
    SELECT 1, b.at, b.body FROM held, unnest(%(beats)s::float8[], %(beat_bodies)s::text[]) AS b (at, body)
    ON CONFLICT (id) DO UPDATE SET at = excluded.at, body = excluded.body WHERE excluded.at >= heartbeat.at
), noticed AS (
    INSERT INTO outbox (key, at, body)
    SELECT n.key, n.at, n.body
    FROM held, unnest(%(notice_keys)s::text[], %(notice_ats)s::float8[], %(notice_bodies)s::text[])
        WITH ORDINALITY AS n (key, at, body, n)
    ORDER BY n.n
    ON CONFLICT (key) DO NOTHING
), delivered AS (
    UPDATE outbox SET sent = true FROM held WHERE key = ANY (%(sent)s::text[])
), consumed AS (
    DELETE FROM inbox USING held WHERE key = ANY (%(taken)s::text[])
), planned AS (
    INSERT INTO maintenance (id, start, stop, body)
    SELECT w.id, w.start, w.stop, w.body
    FROM held, unnest(%(window_ids)s::text[], %(starts)s::float8[], %(stops)s::float8[], %(window_bodies)s::text[])
        AS w (id, start, stop, body)
    ON CONFLICT (id) DO UPDATE SET start = excluded.start, stop = excluded.stop, body = excluded.body
), agreed AS (
    INSERT INTO policy (id, text)
    SELECT p.id, p.text FROM held, unnest(%(policy_ids)s::text[], %(policy_texts)s::text[]) AS p (id, text)
    ON CONFLICT (id) DO NOTHING
), summed AS (
    INSERT INTO aggregate (day, key, body)
    SELECT s.day, s.key, s.body
    FROM held, unnest(%(days)s::text[], %(sum_keys)s::text[], %(sum_bodies)s::text[]) AS s (day, key, body)
    ON CONFLICT (day, key) DO UPDATE SET body = excluded.body
)
SELECT added.seq, added.key FROM held LEFT JOIN added ON true ORDER BY added.seq
"""  # noqa: S608 - constant text
"""A whole batch behind the fence, in one statement: no transaction stays open in the hands of a frozen client, so
nobody can keep the lease's row locked. No row at all means fenced; one row of nulls that nothing was new."""

FORGET = f"""
WITH {_HELD}, gone AS (
    DELETE FROM event USING held WHERE at < %(before)s AND incident <> ALL (%(keep)s::text[]) RETURNING seq
), delivered AS (
    DELETE FROM outbox USING held WHERE at < %(before)s AND sent
)
SELECT (SELECT count(*) FROM gone) FROM held
"""  # noqa: S608 - constant text

READ = """
SELECT seq, incident, kind, at, key, body, epoch FROM event
WHERE seq > %(since)s
  AND (%(incident)s::text IS NULL OR incident = %(incident)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
  AND (%(start)s::float8 IS NULL OR at >= %(start)s)
  AND (%(end)s::float8 IS NULL OR at < %(end)s)
ORDER BY seq LIMIT %(limit)s
"""

VERSIONS = "CREATE TABLE IF NOT EXISTS version (id integer PRIMARY KEY CHECK (id = 1), schema integer NOT NULL)"
VERSION = "SELECT schema FROM version"
UPDATED = """
INSERT INTO version VALUES (1, %(schema)s) ON CONFLICT (id) DO UPDATE SET schema = excluded.schema
"""
AGGREGATES = """
SELECT day, key, body FROM aggregate
WHERE day COLLATE "C" BETWEEN %(first)s AND %(last)s ORDER BY day COLLATE "C", key COLLATE "C"
"""
POST = "INSERT INTO inbox (key, at, body) VALUES (%(key)s, %(at)s, %(body)s) ON CONFLICT DO NOTHING RETURNING id"
LOCK = "SELECT pg_advisory_xact_lock(hashtext('novacenter'), hashtext(%(schema)s))"
