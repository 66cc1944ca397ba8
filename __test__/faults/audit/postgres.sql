-- As mariadb.sql. clock_timestamp() is the clock at this moment; each program has a role of its own.
CREATE TABLE ker_audit (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    op TEXT NOT NULL, entry BIGINT NOT NULL, namespace TEXT NOT NULL, data_id TEXT NOT NULL,
    old_state TEXT, new_state TEXT, reason TEXT, life TEXT NOT NULL,
    old_generation BIGINT, generation BIGINT NOT NULL, failed_generation BIGINT NOT NULL, old_token TEXT, token TEXT,
    old_due BIGINT, due BIGINT NOT NULL, old_attempt BIGINT, attempt BIGINT NOT NULL, old_recent TEXT, recent TEXT,
    copy_partition BIGINT, copy_offset BIGINT, clock BIGINT NOT NULL, who TEXT NOT NULL, connection BIGINT NOT NULL
);
CREATE INDEX ker_audit_namespace ON ker_audit (namespace);
CREATE FUNCTION ker_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE now_ms BIGINT := (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO ker_audit (op, entry, namespace, data_id, new_state, reason, life, generation, failed_generation, token, due,
            attempt, recent, clock, who, connection)
        VALUES ('I', NEW.id, NEW.namespace, NEW.data_id, NEW.state, NEW.reason, encode(NEW.life, 'hex'), NEW.generation,
            NEW.failed_generation, encode(NEW.lease_token, 'hex'), NEW.due_at, NEW.retry_count, encode(NEW.recent, 'hex'), now_ms,
            session_user, pg_backend_pid());
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO ker_audit (op, entry, namespace, data_id, old_state, new_state, reason, life, old_generation, generation,
            failed_generation, old_token, token, old_due, due, old_attempt, attempt, old_recent, recent, copy_partition,
            copy_offset, clock, who, connection)
        VALUES ('U', NEW.id, NEW.namespace, NEW.data_id, OLD.state, NEW.state, NEW.reason, encode(NEW.life, 'hex'), OLD.generation,
            NEW.generation, NEW.failed_generation, encode(OLD.lease_token, 'hex'), encode(NEW.lease_token, 'hex'), OLD.due_at,
            NEW.due_at, OLD.retry_count, NEW.retry_count, encode(OLD.recent, 'hex'), encode(NEW.recent, 'hex'),
            NEW.copy_partition, NEW.copy_offset, now_ms, session_user, pg_backend_pid());
    ELSE
        INSERT INTO ker_audit (op, entry, namespace, data_id, old_state, reason, life, old_generation, generation,
            failed_generation, old_token, old_due, due, old_attempt, attempt, old_recent, clock, who, connection)
        VALUES ('D', OLD.id, OLD.namespace, OLD.data_id, OLD.state, OLD.reason, encode(OLD.life, 'hex'), OLD.generation,
            OLD.generation, OLD.failed_generation, encode(OLD.lease_token, 'hex'), OLD.due_at, OLD.due_at, OLD.retry_count,
            OLD.retry_count, encode(OLD.recent, 'hex'), now_ms, session_user, pg_backend_pid());
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ker_audit AFTER INSERT OR UPDATE OR DELETE ON ker_entry FOR EACH ROW EXECUTE FUNCTION ker_audit();
