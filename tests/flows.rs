//! The flows as stories, over a broker, a store and a journal in this process. The store's time is moved by hand, and
//! tokio's stands still until everybody waits: no test sleeps, and none depends on how fast the machine is.

mod fakes;
mod stories;
