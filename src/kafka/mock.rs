//! librdkafka's mock cluster: brokers on loopback ports that other processes can use as well. For tests, for the demo
//! and for users' own tests.
//!
//! It keeps 5 MB and 100 000 batches of each partition and forgets the oldest. It makes no topics on request of an
//! admin client ([`Mock::create_topic`] does), and deletes no records.

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
pub use rdkafka::types::{RDKafkaApiKey as Request, RDKafkaRespErr as Answer};

use super::config::initialize_openssl;

type Cluster = MockCluster<'static, DefaultProducerContext>;
type Job = Box<dyn FnOnce(&Cluster) + Send>;

/// All brokers of a cluster.
const ALL: i32 = -1;

/// A running mock cluster; gone when dropped.
///
/// librdkafka's handle must stay on one thread, and its end may take a while. So it lives on a thread of its own and
/// gets its orders by channel.
#[derive(Debug)]
pub struct Mock {
    jobs: Sender<Job>,
    brokers: String,
}

impl Mock {
    /// Starts so many brokers.
    ///
    /// # Errors
    /// When librdkafka cannot.
    pub fn start(brokers: i32) -> KafkaResult<Self> {
        initialize_openssl();
        let (jobs, orders) = channel::<Job>();
        let (ready, started) = channel();
        let cluster = thread::Builder::new().name("ker-mock".to_owned()).spawn(move || match Cluster::new(brokers) {
            Ok(cluster) => {
                let _ = ready.send(Ok(cluster.bootstrap_servers()));
                for job in orders {
                    job(&cluster);
                }
            }
            Err(error) => drop(ready.send(Err(error))),
        });
        let gone = |_| KafkaError::MockCluster(Code::CriticalSystemResource);
        cluster.map_err(|_| KafkaError::MockCluster(Code::CriticalSystemResource))?;
        let brokers = started.recv().map_err(gone)??;
        Ok(Self { jobs, brokers })
    }

    /// Addresses, `host:port` each.
    #[must_use]
    pub fn brokers(&self) -> Vec<String> {
        self.brokers.split(',').map(str::to_owned).collect()
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// When there is one of that name.
    pub fn create_topic(&self, name: &str, partitions: i32) -> KafkaResult<()> {
        let name = name.to_owned();
        self.run(move |cluster| cluster.create_topic(&name, partitions, 1))?
    }

    /// Cuts all connections and takes no new ones.
    ///
    /// # Errors
    /// When librdkafka cannot.
    pub fn down(&self) -> KafkaResult<()> {
        self.run(|cluster| cluster.broker_down(ALL))?
    }

    /// Takes connections again.
    ///
    /// # Errors
    /// When librdkafka cannot.
    pub fn up(&self) -> KafkaResult<()> {
        self.run(|cluster| cluster.broker_up(ALL))?
    }

    /// How long every answer takes from now on.
    ///
    /// # Errors
    /// When librdkafka cannot.
    pub fn round_trip(&self, time: Duration) -> KafkaResult<()> {
        self.run(move |cluster| cluster.broker_round_trip_time(ALL, time))?
    }

    /// The next requests of a kind get these answers instead of their own; `_TRANSPORT` cuts the connection.
    ///
    /// # Errors
    /// When the cluster is gone.
    pub fn fail(&self, request: Request, answers: &[Answer]) -> KafkaResult<()> {
        let answers = answers.to_vec();
        self.run(move |cluster| cluster.request_errors(request, &answers))
    }

    /// Takes back what is left of [`Mock::fail`].
    ///
    /// # Errors
    /// When the cluster is gone.
    pub fn heal(&self, request: Request) -> KafkaResult<()> {
        self.run(move |cluster| cluster.clear_request_errors(request))
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce(&Cluster) -> T + Send + 'static) -> KafkaResult<T> {
        let (done, result) = channel();
        let gone = || KafkaError::MockCluster(Code::DestroyBroker);
        self.jobs.send(Box::new(move |cluster| drop(done.send(job(cluster))))).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())
    }
}
