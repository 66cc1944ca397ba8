CREATE TABLE {entry} (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    grp TEXT NOT NULL,
    topic TEXT NOT NULL,
    data_id TEXT NOT NULL,
    life BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'scheduled',
    reason TEXT NOT NULL DEFAULT 'failed',
    due_at INTEGER NOT NULL,
    is_alone INTEGER NOT NULL DEFAULT 0,
    generation INTEGER NOT NULL DEFAULT 0,
    failed_generation INTEGER NOT NULL DEFAULT 0,
    retry_count INTEGER NOT NULL DEFAULT 1,
    policy TEXT NOT NULL,
    redelivery TEXT NOT NULL,
    recent BLOB NOT NULL,
    copy_partition INTEGER DEFAULT 0,
    copy_offset INTEGER DEFAULT 0,
    acked_at INTEGER DEFAULT 0,
    is_counting INTEGER NOT NULL DEFAULT 0,
    first_failed_at INTEGER NOT NULL,
    last_failed_at INTEGER NOT NULL,
    msg_key BLOB,
    msg_value BLOB,
    headers BLOB NOT NULL,
    origin_partition INTEGER,
    origin_offset INTEGER,
    origin_timestamp INTEGER,
    error BLOB,
    adopted BLOB,
    size INTEGER NOT NULL,
    identity BLOB NOT NULL,
    scope BLOB DEFAULT X'',
    lease_token BLOB DEFAULT X'00000000000000000000000000000000',
    lease_company INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX {prefix}entry_identity ON {entry} (identity);
CREATE INDEX {prefix}entry_claim ON {entry} (namespace, scope, due_at, id);
CREATE TABLE {paused} (
    namespace TEXT NOT NULL,
    topic TEXT NOT NULL,
    PRIMARY KEY (namespace, topic)
);
