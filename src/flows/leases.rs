//! The leases that this process holds, and their renewal.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::entry::Token;
use crate::domain::verbs::{Company, Renewal};
use crate::fault;
use crate::ports::Store;

/// The leases that this process holds.
#[derive(Default)]
pub struct Leases(Mutex<HashMap<Token, Vec<i64>>>);

impl Leases {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Token, Vec<i64>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Held until what it returns is dropped, also by a panic: a lease that nobody ends must not be renewed for ever.
    pub(super) fn hold(&self, token: Token, ids: Vec<i64>) -> Held<'_> {
        self.with(|held| held.insert(token, ids));
        Held { leases: self, token }
    }

    pub(super) fn company(&self) -> Company {
        self.with(|held| if held.is_empty() { Company::None } else { Company::Others })
    }

    /// Prolongs all of them; whose lease is lost finds out by its token.
    pub async fn renew(&self, store: &dyn Store, lease: Duration) {
        let held: Vec<_> = self.with(|held| held.iter().map(|(token, ids)| (*token, ids.clone())).collect());
        for (token, ids) in held {
            // An error is no reason to stop: the next round is due long before the lease ends.
            let _renewed_or_tried_again = async {
                fault::point("lease.renew", "").await?;
                store.renew(&Renewal { token, ids, lease }).await
            }
            .await;
        }
    }
}

/// The leases of one claim.
pub(super) struct Held<'a> {
    leases: &'a Leases,
    token: Token,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.leases.with(|held| held.remove(&self.token));
    }
}
