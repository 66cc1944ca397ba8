//! Lets go of librdkafka's objects without waiting for them.
//!
//! Destroying a client waits for its threads and for the network: 0.1 s on a good day, a minute on a bad one. Whoever
//! lets go of a [`Kept`] last, on whatever thread, only hands it to a thread of its own. When that takes longer than
//! anybody wants to wait, the thread and the object are left behind on purpose: memory is cheaper than a process that
//! does not end.

use std::ops::Deref;
use std::sync::Arc;
use std::thread;

use tokio::sync::watch;

/// An object of librdkafka, shared by those who use it.
pub struct Kept<T: Send + 'static> {
    object: Option<T>,
    gone: Option<watch::Sender<bool>>,
}

/// Tells when a [`Kept`] object is destroyed.
#[derive(Debug, Clone)]
pub struct Gone(watch::Receiver<bool>);

impl Gone {
    /// Waits until it is.
    pub async fn wait(mut self) {
        // A sender that is gone without a word belonged to an object that could not be handed over; it is leaked.
        if self.0.wait_for(|gone| *gone).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl<T: Send + 'static> Kept<T> {
    /// Takes charge of an object.
    pub fn new(object: T) -> Arc<Self> {
        Arc::new(Self { object: Some(object), gone: Some(watch::Sender::new(false)) })
    }

    /// To wait on, after letting go.
    #[must_use]
    pub fn gone(&self) -> Gone {
        let receiver = self.gone.as_ref().map_or_else(|| watch::channel(true).1, watch::Sender::subscribe);
        Gone(receiver)
    }
}

impl<T: Send + 'static> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.object.as_ref().unwrap_or_else(|| unreachable!("taken only by drop"))
    }
}

impl<T: Send + 'static> Drop for Kept<T> {
    fn drop(&mut self) {
        let (Some(object), Some(gone)) = (self.object.take(), self.gone.take()) else { return };
        // A thread that cannot be made would destroy the object right here, with its closure. So it gets it by channel.
        let (hand_over, take_over) = std::sync::mpsc::sync_channel::<T>(1);
        let reaper = thread::Builder::new().name("ker-reaper".to_owned()).spawn(move || {
            if let Ok(object) = take_over.recv() {
                drop(object);
                gone.send_replace(true);
            }
        });
        match reaper {
            Ok(_) => drop(hand_over.send(object)),
            Err(_) => std::mem::forget(object),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Its destruction waits for a word.
    struct Stubborn(Receiver<()>);

    impl Drop for Stubborn {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }

    #[tokio::test]
    async fn letting_go_does_not_wait_and_the_end_can_be_waited_for() {
        let (word, receiver) = channel();
        let kept = Kept::new(Stubborn(receiver));
        let gone = kept.gone();
        let other = Arc::clone(&kept);
        drop(kept);
        drop(other);
        assert!(timeout(Duration::from_millis(20), gone.clone().wait()).await.is_err());
        drop(word);
        assert!(timeout(Duration::from_mins(1), gone.wait()).await.is_ok());
    }

    #[tokio::test]
    async fn an_object_lives_as_long_as_somebody_uses_it() {
        let kept = Kept::new(vec![1]);
        let (gone, other) = (kept.gone(), Arc::clone(&kept));
        drop(kept);
        assert_eq!((other.len(), *gone.0.borrow()), (1, false));
        drop(other);
        gone.wait().await;
    }
}
