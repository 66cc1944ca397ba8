//! The port [`Broker`] over librdkafka: puts the parts together, keeps them and lets go of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::admin::AdminClient;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode as Code;
use serde_json::json;
use tokio::sync::RwLock;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, interval, timeout_at};

use super::admin::{self, Known, Recipe};
use super::batch::Answer;
use super::config::{self, MESSAGE_TIMEOUT};
use super::error::{not_configured, unanswered};
use super::group_offsets::GroupOffsets;
use super::listener::{Heard, Listener};
use super::producer::{Addressed, Located, Producer};
use super::reaper::Kept;
use crate::domain::decide::{Passed, Sent, Trouble};
use crate::domain::event::{Event, Level};
use crate::domain::options::{Options, ms};
use crate::domain::{Error, ErrorCode, Result};
use crate::ports::{Broker, Journal, TopicFacts};

/// Of the time to close, the part that is kept back for giving up what is still under way.
const LAST_PART: u32 = 4;

/// How often a topic that was just made is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// A cluster of Kafka brokers.
pub struct KafkaBroker {
    clients: Mutex<Option<Clients>>,
    /// Read by everybody who sends, written by `close`, which so waits for them.
    sending: RwLock<()>,
    settings: ClientConfig,
    message_timeout: Duration,
    answer_timeout: Duration,
    recipe: Recipe,
    known: Known,
    groups: GroupOffsets,
    heard: Arc<Heard>,
    journal: Arc<dyn Journal>,
}

#[derive(Clone)]
struct Clients {
    producer: Arc<Kept<Producer>>,
    admin: Arc<Kept<AdminClient<Listener>>>,
}

impl KafkaBroker {
    /// Makes the clients, which connect in the background.
    ///
    /// # Errors
    /// `KER_CONFIG` with librdkafka's text when it refuses the settings.
    pub fn new(options: &Options, journal: Arc<dyn Journal>) -> Result<Self> {
        Self::with_message_timeout(options, journal, MESSAGE_TIMEOUT)
    }

    /// As [`KafkaBroker::new`], with another limit for a delivery than [`MESSAGE_TIMEOUT`].
    ///
    /// # Errors
    /// As [`KafkaBroker::new`].
    pub fn with_message_timeout(options: &Options, journal: Arc<dyn Journal>, message_timeout: Duration) -> Result<Self> {
        let heard = Arc::<Heard>::default();
        let listener = |client| Listener { client, journal: Arc::clone(&journal), heard: Arc::clone(&heard) };
        let settings = config::producer(options, message_timeout);
        let producer = Producer::new(&settings, listener("producer"), message_timeout).map_err(|error| not_configured(&error))?;
        let producer = Kept::new(producer);
        let admin = config::admin(options).create_with_context(listener("admin")).map_err(|error| not_configured(&error))?;
        Ok(Self {
            clients: Mutex::new(Some(Clients { producer, admin: Kept::new(admin) })),
            sending: RwLock::new(()),
            settings,
            message_timeout,
            answer_timeout: ms(options.connect_timeout),
            recipe: Recipe::new(&options.kafka),
            known: Known::default(),
            groups: GroupOffsets::new(config::reader(options), ms(options.connect_timeout)),
            heard,
            journal,
        })
    }

    /// The clients, or that they are closed. A producer that librdkafka gave up is replaced here; those who still wait
    /// for it get their answers from the old one.
    fn clients(&self) -> Result<Clients> {
        let mut guard = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(clients) = guard.as_mut() else {
            return Err(Error::new(ErrorCode::Closed, "kafka: closed"));
        };
        if clients.producer.is_fatal() {
            let listener = Listener { client: "producer", journal: Arc::clone(&self.journal), heard: Arc::clone(&self.heard) };
            let producer =
                Producer::new(&self.settings, listener, self.message_timeout).map_err(|error| not_configured(&error))?;
            clients.producer = Kept::new(producer);
        }
        let clients = clients.clone();
        drop(guard);
        Ok(clients)
    }

    /// An answer of a broker, or the error of its absence.
    fn answered<T>(&self, what: impl FnOnce() -> String, answer: Result<T, Code>) -> Result<T> {
        match answer {
            Ok(answer) => {
                self.heard.answered();
                Ok(answer)
            }
            Err(code) => Err(unanswered(&what(), code, self.heard.complaint().as_ref())),
        }
    }

    async fn locate(&self, clients: &Clients, name: &str) -> Result<Option<Located>> {
        let (producer, topic, within) = (Arc::clone(&clients.producer), name.to_owned(), self.answer_timeout);
        let found = waiting(move || producer.locate(&topic, within)).await?;
        self.answered(|| format!("kafka: topic {name:?} cannot be looked up"), found)
    }

    /// What a topic is like, without what is remembered of it.
    async fn look_up(&self, clients: &Clients, name: &str) -> Result<Option<TopicFacts>> {
        let Some(Located { partitions, broker }) = self.locate(clients, name).await? else { return Ok(None) };
        let found = admin::is_compacted(&clients.admin, name, broker, self.answer_timeout).await;
        let is_compacted = self.answered(|| format!("kafka: settings of topic {name:?} cannot be read"), found)?;
        Ok(Some(TopicFacts { partitions, is_compacted }))
    }

    /// Waits until a topic that was just made shows: until then, copies to it would be refused.
    async fn appears(&self, clients: &Clients, name: &str) -> Result<()> {
        let deadline = Instant::now() + self.answer_timeout;
        let mut look = interval(LOOK);
        while Instant::now() < deadline {
            look.tick().await;
            if self.locate(clients, name).await?.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Broker for KafkaBroker {
    async fn send(&self, copies: Vec<Addressed>) -> Vec<Sent> {
        let _sending = self.sending.read().await;
        let clients = match self.clients() {
            Ok(clients) => clients,
            Err(error) => return vec![Sent::Refused(refused(&error)); copies.len()],
        };
        let answers = clients.producer.publish(&copies).await;
        for ((copy, _), answer) in copies.iter().zip(&answers) {
            // The topic is not what was believed. Looking again also makes librdkafka forget that it was refused: until
            // then it refuses by itself.
            if let Answer::NotTaken(code) | Answer::Failed(code, _) = answer
                && matches!(
                    code,
                    Code::UnknownPartition | Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::TopicAuthorizationFailed
                )
            {
                self.known.forget(&copy.topic);
            }
        }
        answers.into_iter().map(Sent::from).collect()
    }

    async fn topic(&self, name: &str) -> Result<Option<TopicFacts>> {
        let clients = self.clients()?;
        if let Some(facts) = self.known.get(name) {
            return Ok(Some(facts));
        }
        let facts = self.look_up(&clients, name).await?;
        if let Some(facts) = facts {
            self.known.put(name, facts);
        }
        Ok(facts)
    }

    async fn ensure_topic(&self, name: &str) -> Result<()> {
        let clients = self.clients()?;
        // Looked for first: a client that may use a topic but make none is refused even if it exists.
        if self.known.get(name).is_some() || self.locate(&clients, name).await?.is_some() {
            return Ok(());
        }
        let made = admin::create(&clients.admin, name, &self.recipe, self.answer_timeout).await;
        self.answered(|| format!("kafka: topic {name:?} cannot be created"), made)?;
        self.appears(&clients, name).await
    }

    async fn probe(&self, within: Duration) -> Result<()> {
        let clients = self.clients()?;
        let answer = waiting(move || clients.producer.ping(within)).await?;
        self.answered(|| format!("kafka: no broker answered within {} ms", within.as_millis()), answer)
    }

    async fn passed(&self, group: &str, copies: &[(String, i32, i64)]) -> Vec<Passed> {
        self.groups.passed(group, copies).await
    }

    async fn close(&self, within: Duration) {
        let deadline = Instant::now() + within;
        // From here on nobody gets them any more.
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Clients { producer, admin }) = clients else { return };
        if timeout_at(deadline - within / LAST_PART, self.sending.write()).await.is_err() {
            producer.purge();
            let _ = timeout_at(deadline, self.sending.write()).await;
        }
        let (producer_gone, admin_gone) = (producer.gone(), admin.gone());
        drop((producer, admin));
        let all_gone = async { tokio::join!(producer_gone.wait(), admin_gone.wait(), self.groups.close()) };
        if timeout_at(deadline, all_gone).await.is_err() {
            let message = "kafka: a client did not close in time and is left behind".to_owned();
            let fields = json!({ "within_ms": u64::try_from(within.as_millis()).unwrap_or(u64::MAX) });
            self.journal.note(Event::Log { level: Level::Warn, message, fields });
        }
    }
}

fn refused(error: &Error) -> Trouble {
    Trouble { code: error.code.as_str().to_owned(), message: error.message.clone() }
}

/// Runs what waits on a thread where waiting is allowed.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(|error| Error::internal("a call into librdkafka was cut off").caused_by(error))
}
