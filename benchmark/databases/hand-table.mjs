// The table of the contender "by hand": the least that a retry store needs.
export const HAND_TABLE = 'by_hand'
export const HAND_COLUMNS = ['topic', 'data_id', 'msg_key', 'msg_value', 'retry_count', 'due_at']
