//! The conformance suite of all stores: one function per claim, run unchanged on each of them.
#![allow(dead_code, reason = "every store's test file is a crate of its own and uses what it needs")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::clone_on_ref_ptr,
    reason = "a test fails by panicking, and clones to coerce"
)]

pub mod claims;
pub mod fixture;
pub mod operations;
pub mod reports;
#[cfg(feature = "sql")]
pub mod server;

/// Runs every case of the suite against the store that `$open` opens: an async function to a [`fixture::Bench`].
#[macro_export]
macro_rules! store_suite {
    ($open:path) => {
        $crate::store_cases! { $open;
            reports: a_first_failure_becomes_an_entry, each_further_failure_counts_and_replaces, the_same_failure_id_counts_once,
            a_batch_of_failures_of_one_identity_counts_each, fifty_pushes_at_once_are_one_entry_with_fifty_attempts,
            ids_that_differ_only_in_case_or_space_are_two_entries, identities_never_run_into_each_other, bytes_come_back_exactly,
            an_error_is_kept, a_success_deletes_exactly_its_entry, an_older_success_never_deletes_a_newer_failure,
            a_success_of_a_former_life_deletes_nothing, one_failure_per_generation_counts, no_redeliveries_left_is_dead,
            what_is_new_is_recorded_in_one_step, a_large_batch_is_recorded_whole, a_push_ends_the_lease;
            claims: what_is_not_due_is_not_claimed, two_claims_never_lease_the_same_entry, claims_at_once_share_the_entries,
            an_entry_is_claimed_with_its_payload, a_claim_stops_at_its_byte_limit, only_what_was_due_by_then_is_claimed,
            an_expired_lease_is_claimed_again, an_expired_lease_is_left_when_told_so, a_renewed_lease_does_not_expire,
            a_renewal_under_a_foreign_token_does_nothing, a_delivered_entry_awaits_its_outcome, a_batch_of_deliveries_notes_each_copy_and_keeps_the_rest,
            a_settlement_repeated_after_a_lost_answer_changes_nothing, a_settlement_under_an_old_token_is_fenced, a_settlement_after_the_success_is_fenced, some_of_a_batch_may_be_fenced,
            a_suspect_is_claimed_alone, company_is_remembered, the_earliest_entry_says_when_to_look_again,
            dead_and_held_entries_are_never_claimed, namespaces_do_not_see_each_other, a_large_value_is_claimed_whole;
            operations: entries_are_listed_in_pages, a_filter_matches_what_it_names, a_requeue_gives_all_attempts_back,
            a_hold_is_undone_by_a_requeue, retry_now_makes_due, a_purge_deletes_only_dead_entries, a_discard_deletes_in_any_state,
            operations_go_in_bounded_steps, the_tally_counts_by_topic_group_and_state, a_paused_topic_is_remembered,
            a_migration_twice_changes_nothing, unlocked_rows_are_told;
        }
    };
}

/// Makes a test of every case.
#[macro_export]
macro_rules! store_cases {
    ($open:path; $($module:ident: $($case:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(bench) = $open().await {
                    $crate::store_suite::$module::$case(&bench).await;
                    bench.store.close().await;
                }
            }
        )+)+
    };
}
