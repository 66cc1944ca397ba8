-- As mariadb.sql. SQLite has no accounts and no connections to tell apart, so `who` is empty; its clock is the process's.
CREATE TABLE ker_audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    op TEXT NOT NULL, entry INTEGER NOT NULL, namespace TEXT NOT NULL, data_id TEXT NOT NULL,
    old_state TEXT, new_state TEXT, reason TEXT, life TEXT NOT NULL,
    old_generation INTEGER, generation INTEGER NOT NULL, failed_generation INTEGER NOT NULL, old_token TEXT, token TEXT,
    old_due INTEGER, due INTEGER NOT NULL, old_attempt INTEGER, attempt INTEGER NOT NULL, old_recent TEXT, recent TEXT,
    copy_partition INTEGER, copy_offset INTEGER,
    clock INTEGER NOT NULL DEFAULT (CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)),
    who TEXT NOT NULL DEFAULT '', connection INTEGER NOT NULL DEFAULT 0
);
CREATE TRIGGER ker_audit_insert AFTER INSERT ON ker_entry BEGIN
    INSERT INTO ker_audit (op, entry, namespace, data_id, new_state, reason, life, generation, failed_generation, token, due,
        attempt, recent)
    VALUES ('I', NEW.id, NEW.namespace, NEW.data_id, NEW.state, NEW.reason, lower(hex(NEW.life)), NEW.generation,
        NEW.failed_generation, lower(hex(NEW.lease_token)), NEW.due_at, NEW.retry_count, lower(hex(NEW.recent)));
END;
CREATE TRIGGER ker_audit_update AFTER UPDATE ON ker_entry BEGIN
    INSERT INTO ker_audit (op, entry, namespace, data_id, old_state, new_state, reason, life, old_generation, generation,
        failed_generation, old_token, token, old_due, due, old_attempt, attempt, old_recent, recent, copy_partition, copy_offset)
    VALUES ('U', NEW.id, NEW.namespace, NEW.data_id, OLD.state, NEW.state, NEW.reason, lower(hex(NEW.life)), OLD.generation,
        NEW.generation, NEW.failed_generation, lower(hex(OLD.lease_token)), lower(hex(NEW.lease_token)), OLD.due_at, NEW.due_at,
        OLD.retry_count, NEW.retry_count, lower(hex(OLD.recent)), lower(hex(NEW.recent)), NEW.copy_partition, NEW.copy_offset);
END;
CREATE TRIGGER ker_audit_delete AFTER DELETE ON ker_entry BEGIN
    INSERT INTO ker_audit (op, entry, namespace, data_id, old_state, reason, life, old_generation, generation, failed_generation,
        old_token, old_due, due, old_attempt, attempt, old_recent)
    VALUES ('D', OLD.id, OLD.namespace, OLD.data_id, OLD.state, OLD.reason, lower(hex(OLD.life)), OLD.generation, OLD.generation,
        OLD.failed_generation, lower(hex(OLD.lease_token)), OLD.due_at, OLD.due_at, OLD.retry_count, OLD.retry_count,
        lower(hex(OLD.recent)));
END;
