CREATE TABLE {entry} (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    grp TEXT NOT NULL,
    topic TEXT NOT NULL,
    data_id TEXT NOT NULL,
    life BLOB NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    is_alone INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    failed_generation INTEGER NOT NULL,
    retry_count INTEGER NOT NULL,
    policy TEXT NOT NULL,
    redelivery TEXT NOT NULL,
    recent BLOB NOT NULL,
    copy_partition INTEGER,
    copy_offset INTEGER,
    acked_at INTEGER,
    is_counting INTEGER NOT NULL,
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
    scope BLOB,
    lease_token BLOB,
    lease_company INTEGER NOT NULL
);
CREATE UNIQUE INDEX {prefix}entry_identity ON {entry} (identity);
CREATE INDEX {prefix}entry_claim ON {entry} (namespace, scope, due_at, id);
CREATE TABLE {paused} (
    namespace TEXT NOT NULL,
    topic TEXT NOT NULL,
    PRIMARY KEY (namespace, topic)
);
