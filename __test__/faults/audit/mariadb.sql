-- Every change of an entry, written in the transaction that made it, by the database itself: the checker need not trust
-- our code. SYSDATE is the clock at this moment, USER() tells the programs apart: each has an account of its own.
CREATE TABLE ker_audit (
    seq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    op CHAR(1) NOT NULL, entry BIGINT NOT NULL, namespace VARBINARY(64) NOT NULL, data_id VARBINARY(320) NOT NULL,
    old_state VARBINARY(16), new_state VARBINARY(16), reason VARBINARY(32), life CHAR(32) NOT NULL,
    old_generation BIGINT, generation BIGINT NOT NULL, failed_generation BIGINT NOT NULL, old_token CHAR(32), token CHAR(32),
    old_due BIGINT, due BIGINT NOT NULL, old_attempt BIGINT, attempt BIGINT NOT NULL, old_recent VARCHAR(256), recent VARCHAR(256),
    copy_partition BIGINT, copy_offset BIGINT, clock BIGINT NOT NULL, who VARCHAR(64) NOT NULL, connection BIGINT NOT NULL,
    KEY namespace (namespace)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TRIGGER ker_audit_insert AFTER INSERT ON ker_entry FOR EACH ROW
    INSERT INTO ker_audit SET op = 'I', entry = NEW.id, namespace = NEW.namespace, data_id = NEW.data_id, new_state = NEW.state,
    reason = NEW.reason, life = LOWER(HEX(NEW.life)), generation = NEW.generation, failed_generation = NEW.failed_generation,
    token = LOWER(HEX(NEW.lease_token)), due = NEW.due_at, attempt = NEW.retry_count, recent = LOWER(HEX(NEW.recent)),
    clock = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED), who = USER(), connection = CONNECTION_ID();
CREATE TRIGGER ker_audit_update AFTER UPDATE ON ker_entry FOR EACH ROW
    INSERT INTO ker_audit SET op = 'U', entry = NEW.id, namespace = NEW.namespace, data_id = NEW.data_id, old_state = OLD.state,
    new_state = NEW.state, reason = NEW.reason, life = LOWER(HEX(NEW.life)), old_generation = OLD.generation,
    generation = NEW.generation, failed_generation = NEW.failed_generation, old_token = LOWER(HEX(OLD.lease_token)),
    token = LOWER(HEX(NEW.lease_token)), old_due = OLD.due_at, due = NEW.due_at, old_attempt = OLD.retry_count,
    attempt = NEW.retry_count, old_recent = LOWER(HEX(OLD.recent)), recent = LOWER(HEX(NEW.recent)),
    copy_partition = NEW.copy_partition, copy_offset = NEW.copy_offset,
    clock = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED), who = USER(), connection = CONNECTION_ID();
CREATE TRIGGER ker_audit_delete AFTER DELETE ON ker_entry FOR EACH ROW
    INSERT INTO ker_audit SET op = 'D', entry = OLD.id, namespace = OLD.namespace, data_id = OLD.data_id, old_state = OLD.state,
    reason = OLD.reason, life = LOWER(HEX(OLD.life)), old_generation = OLD.generation, generation = OLD.generation,
    failed_generation = OLD.failed_generation, old_token = LOWER(HEX(OLD.lease_token)), old_due = OLD.due_at, due = OLD.due_at,
    old_attempt = OLD.retry_count, attempt = OLD.retry_count, old_recent = LOWER(HEX(OLD.recent)),
    clock = CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED), who = USER(), connection = CONNECTION_ID();
