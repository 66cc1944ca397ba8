//! A broker in this process: topics with a log per partition, group offsets, and answers on request.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use kafka_error_retry::domain::copy::Copy;
use kafka_error_retry::domain::decide::{Passed, Sent, Trouble};
use kafka_error_retry::domain::{Error, ErrorCode, Result};
use kafka_error_retry::ports::{Broker, TopicFacts};

use super::gate::Gate;

/// What the broker makes of a copy, in place of taking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Not in the log, and said so.
    Refused,
    /// Not in the log, and said why.
    TooLarge,
    /// In the log, and the answer was lost.
    UnknownAppended,
    /// Not in the log, and the answer was lost.
    UnknownLost,
}

/// One topic.
#[derive(Debug, Clone, Default)]
pub struct Topic {
    pub partitions: Vec<Partition>,
    /// `None`: its settings may not be read.
    pub is_compacted: Option<bool>,
}

/// One log.
#[derive(Debug, Clone, Default)]
pub struct Partition {
    /// Offset of the first record.
    pub start: i64,
    pub records: Vec<Copy>,
}

#[derive(Default)]
pub struct FakeBroker(Mutex<State>);

#[derive(Default)]
struct State {
    is_down: bool,
    topics: BTreeMap<String, Topic>,
    /// By key; each is used once.
    answers: HashMap<String, Vec<Answer>>,
    committed: HashMap<(String, String, i32), i64>,
    secret_groups: HashSet<String>,
    refuses_topics: HashSet<String>,
    /// Partitions of topics that are made on request; 0 is 1.
    new_partitions: usize,
    hold: Option<Gate>,
    panics: bool,
    is_mute: bool,
    sends: Vec<usize>,
    probes: Vec<Duration>,
    questions: Vec<(String, usize)>,
    ensured: Vec<String>,
    looked_up: Vec<String>,
}

impl FakeBroker {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    pub fn go_down(&self) {
        self.with(|state| state.is_down = true);
    }

    pub fn come_up(&self) {
        self.with(|state| state.is_down = false);
    }

    pub fn add_topic(&self, name: &str, partitions: usize, is_compacted: Option<bool>) {
        let topic = Topic { partitions: vec![Partition::default(); partitions], is_compacted };
        self.with(|state| state.topics.insert(name.into(), topic));
    }

    /// The next copy with this key is answered so.
    pub fn answer(&self, key: &str, answer: Answer) {
        self.with(|state| state.answers.entry(key.into()).or_default().push(answer));
    }

    pub fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64) {
        self.with(|state| state.committed.insert((group.into(), topic.into(), partition), offset));
    }

    /// Retention deletes what lies below.
    pub fn delete_below(&self, topic: &str, partition: usize, offset: i64) {
        self.with(|state| state.topics.get_mut(topic).unwrap().partitions[partition].start = offset);
    }

    /// Nobody of ours may read the offsets of this group.
    pub fn hide_group(&self, group: &str) {
        self.with(|state| state.secret_groups.insert(group.into()));
    }

    pub fn refuse_to_make(&self, topic: &str) {
        self.with(|state| state.refuses_topics.insert(topic.into()));
    }

    pub fn make_topics_with(&self, partitions: usize) {
        self.with(|state| state.new_partitions = partitions);
    }

    /// The next `send` waits, before anything is in the log.
    pub fn hold_send(&self) -> Gate {
        let gate = Gate::default();
        self.with(|state| state.hold = Some(gate.clone()));
        gate
    }

    /// The next `send` panics.
    pub fn panic_once(&self) {
        self.with(|state| state.panics = true);
    }

    /// The next `send` takes the copies and answers none of them.
    pub fn fall_silent_once(&self) {
        self.with(|state| state.is_mute = true);
    }

    /// Everything in a topic: partition and record.
    pub fn log(&self, topic: &str) -> Vec<(i32, Copy)> {
        self.with(|state| {
            let partitions = state.topics.get(topic).map_or(&[][..], |topic| &topic.partitions);
            let numbered = (0..).zip(partitions);
            numbered.flat_map(|(number, log)| log.records.iter().map(move |copy| (number, copy.clone()))).collect()
        })
    }

    /// The keys in a topic, sorted.
    pub fn keys(&self, topic: &str) -> Vec<String> {
        let mut keys: Vec<_> = self.log(topic).into_iter().map(|(_, copy)| key_of(&copy)).collect();
        keys.sort();
        keys
    }

    /// How many copies each `send` brought.
    pub fn sends(&self) -> Vec<usize> {
        self.with(|state| state.sends.clone())
    }

    /// How long each probe was ready to wait.
    pub fn probes(&self) -> Vec<Duration> {
        self.with(|state| state.probes.clone())
    }

    /// For whom offsets were asked, and for how many copies.
    pub fn questions(&self) -> Vec<(String, usize)> {
        self.with(|state| state.questions.clone())
    }

    pub fn ensured(&self) -> Vec<String> {
        self.with(|state| state.ensured.clone())
    }

    pub fn looked_up(&self) -> Vec<String> {
        self.with(|state| state.looked_up.clone())
    }
}

fn key_of(copy: &Copy) -> String {
    copy.key.as_ref().map_or_else(String::new, |key| String::from_utf8_lossy(key).into_owned())
}

fn trouble(code: &str) -> Trouble {
    Trouble { code: code.into(), message: "the broker said so".into() }
}

fn away() -> Error {
    Error::new(ErrorCode::Kafka, "no broker answers")
}

impl State {
    fn take(&mut self, copy: Copy, partition: Option<i32>) -> Sent {
        if self.is_down {
            return Sent::Unknown(trouble("_MSG_TIMED_OUT"));
        }
        let answers = self.answers.get_mut(&key_of(&copy)).filter(|answers| !answers.is_empty());
        let answer = answers.map(|answers| answers.remove(0));
        match answer {
            None => self.append(copy, partition),
            Some(Answer::Refused) => Sent::Refused(trouble("TOPIC_AUTHORIZATION_FAILED")),
            Some(Answer::TooLarge) => Sent::TooLarge(trouble("MSG_SIZE_TOO_LARGE")),
            Some(Answer::UnknownLost) => Sent::Unknown(trouble("_MSG_TIMED_OUT")),
            Some(Answer::UnknownAppended) => {
                self.append(copy, partition);
                Sent::Unknown(trouble("_MSG_TIMED_OUT"))
            }
        }
    }

    fn append(&mut self, copy: Copy, partition: Option<i32>) -> Sent {
        let partition = partition.unwrap_or(0);
        let log =
            self.topics.get_mut(&copy.topic).and_then(|topic| topic.partitions.get_mut(usize::try_from(partition).unwrap()));
        let Some(log) = log else { return Sent::Refused(trouble("UNKNOWN_TOPIC_OR_PART")) };
        log.records.push(copy);
        Sent::Acked { partition, offset: log.start + i64::try_from(log.records.len()).unwrap() - 1 }
    }
}

#[async_trait]
impl Broker for FakeBroker {
    async fn send(&self, copies: Vec<(Copy, Option<i32>)>) -> Vec<Sent> {
        let gate = self.with(|state| {
            state.sends.push(copies.len());
            state.hold.take()
        });
        if let Some(gate) = gate {
            gate.pass().await;
        }
        assert!(!self.with(|state| std::mem::take(&mut state.panics)), "a broker client that panics");
        let sent = copies.into_iter().map(|(copy, partition)| self.with(|state| state.take(copy, partition))).collect();
        if self.with(|state| std::mem::take(&mut state.is_mute)) { vec![] } else { sent }
    }

    async fn topic(&self, name: &str) -> Result<Option<TopicFacts>> {
        self.with(|state| {
            state.looked_up.push(name.into());
            if state.is_down {
                return Err(away());
            }
            let facts = |topic: &Topic| TopicFacts {
                partitions: u32::try_from(topic.partitions.len()).unwrap(),
                is_compacted: topic.is_compacted,
            };
            Ok(state.topics.get(name).map(facts))
        })
    }

    async fn ensure_topic(&self, name: &str) -> Result<()> {
        self.with(|state| {
            state.ensured.push(name.into());
            if state.is_down {
                return Err(away());
            }
            if state.refuses_topics.contains(name) {
                return Err(Error::new(ErrorCode::KafkaAuth, "not authorized to create topics"));
            }
            let partitions = vec![Partition::default(); state.new_partitions.max(1)];
            state.topics.entry(name.into()).or_insert(Topic { partitions, is_compacted: Some(false) });
            Ok(())
        })
    }

    async fn probe(&self, within: Duration) -> Result<()> {
        self.with(|state| {
            state.probes.push(within);
            if state.is_down { Err(away()) } else { Ok(()) }
        })
    }

    async fn passed(&self, group: &str, copies: &[(String, i32, i64)]) -> Vec<Passed> {
        self.with(|state| {
            state.questions.push((group.into(), copies.len()));
            let passed = |(topic, partition, offset): &(String, i32, i64)| {
                if state.secret_groups.contains(group) {
                    return Passed::Untold;
                }
                let committed = state.committed.get(&(group.into(), topic.clone(), *partition)).copied();
                let log = state.topics.get(topic).and_then(|topic| topic.partitions.get(usize::try_from(*partition).unwrap()));
                let reached = committed.max(log.map(|log| log.start));
                if !state.is_down && reached.is_some_and(|reached| reached > *offset) { Passed::Yes } else { Passed::NotYet }
            };
            copies.iter().map(passed).collect()
        })
    }

    async fn close(&self, _within: Duration) {}
}
