//! Holds one call until the test lets it go.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Closed until it is opened; tells when somebody stands before it.
#[derive(Clone)]
pub struct Gate {
    reached: Arc<Semaphore>,
    opened: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { reached: Arc::new(Semaphore::new(0)), opened: Arc::new(Semaphore::new(0)) }
    }
}

impl Gate {
    /// Resolves once a call stands before the gate.
    pub async fn reached(&self) {
        self.reached.acquire().await.expect("never closed").forget();
    }

    /// Lets the call go.
    pub fn open(&self) {
        self.opened.add_permits(1);
    }

    /// What the held call does.
    pub async fn pass(&self) {
        self.reached.add_permits(1);
        self.opened.acquire().await.expect("never closed").forget();
    }
}
