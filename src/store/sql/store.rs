//! The [`Store`] over any [`Engine`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use super::dialect::{Dialect, Texts};
use super::engine::{Engine, Session};
use super::warm::{Borrowed, Warm};
use super::{adoption, claim, migrate, operate, push};
use crate::domain::adoption::{Adopted, AdoptedPage, Adoption, OldRow, OldTopic};
use crate::domain::entry::{Identity, Scope, Token};
use crate::domain::error::{Conflict, Outcome};
use crate::domain::filter::{Filter, Page};
use crate::domain::options::Schema;
use crate::domain::verbs::{Claim, Claimed, Marked, NewFailure, Operation, Pushed, Renewal, Resolved, Settlement, Success};
use crate::domain::{Error, ErrorCode, Result};
use crate::fault;
use crate::ports::{Plan, Store, StoreFacts, Stored, Tally};

/// What every SQL store is opened with.
#[derive(Debug, Clone)]
pub struct SqlSettings {
    /// In front of every table name; checked.
    pub prefix: String,
    /// Whether tables are made.
    pub schema: Schema,
    /// The longest a verb may take; then its connection is closed, because what it was in the middle of is unknown.
    pub limit: Duration,
    /// The longest a migration may take.
    pub migration_limit: Duration,
}

/// A store in a SQL database.
pub struct SqlStore {
    engine: Box<dyn Engine>,
    warm: Arc<Warm>,
    texts: Texts,
    settings: SqlSettings,
}

/// Runs a verb on a connection within the limit.
macro_rules! within {
    ($self:ident, $session:ident, $verb:expr) => {{
        let mut borrowed = $self.$session().await?;
        let $session: &mut dyn Session = &mut *borrowed;
        match timeout($self.settings.limit, $verb).await {
            Ok(result) => {
                borrowed.end(&result);
                result
            }
            Err(_) => Err(overdue($self.settings.limit)),
        }
    }};
}

fn overdue(limit: Duration) -> Error {
    let message = format!("the database did not answer within {} ms", limit.as_millis());
    Error::new(ErrorCode::Store, message).with_outcome(Outcome::Unknown)
}

impl SqlStore {
    /// A store over connections of this dialect.
    #[must_use]
    pub fn new(engine: Box<dyn Engine>, dialect: Dialect, settings: SqlSettings) -> Self {
        let names = dialect.names(&settings.prefix);
        Self { engine, warm: Arc::default(), texts: Texts { dialect, names }, settings }
    }

    async fn session(&self) -> Result<Borrowed> {
        self.warm.borrow(self.engine.session()).await
    }

    async fn reader(&self) -> Result<Borrowed> {
        match self.engine.reader().await? {
            Some(reader) => Ok(Borrowed::new(reader)),
            None => self.session().await,
        }
    }

    /// Planted: answers before the COMMIT.
    async fn push_and_answer_early(&self, failures: &[NewFailure]) -> Result<Vec<Pushed>> {
        // The connection goes to the task that commits.
        let mut session = self.engine.session().await?;
        session.plain(self.texts.dialect.begin).await?;
        let pushed = push::push_in(session.as_mut(), &self.texts, self.engine.returning(), failures).await?;
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            session.plain("COMMIT").await
        });
        Ok(pushed)
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn migrate(&self) -> Result<StoreFacts> {
        let mut borrowed = match self.session().await {
            Err(error) if error.conflict == Conflict::NoDatabase && self.settings.schema == Schema::Auto => {
                self.engine.create_database().await?;
                self.session().await?
            }
            Err(error) if error.conflict == Conflict::NoDatabase && self.settings.schema == Schema::Verify => {
                return Err(Error { message: error.message, ..migrate::behind(0, migrate::supported(&self.texts)) });
            }
            other => other?,
        };
        let session = &mut *borrowed;
        let work = async {
            let facts = self.engine.facts(session).await?;
            migrate::migrate(session, &self.texts, self.settings.schema).await?;
            Ok(facts)
        };
        let Ok(result) = timeout(self.settings.migration_limit, work).await else {
            return Err(overdue(self.settings.migration_limit));
        };
        borrowed.end(&result);
        result
    }

    async fn plan(&self) -> Result<Plan> {
        let plan = || async {
            within!(self, session, async {
                let server = self.engine.facts(session).await?.version;
                migrate::plan(session, &self.texts, server).await
            })
        };
        match plan().await {
            Err(error) if error.conflict == Conflict::NoDatabase => {
                Ok(migrate::plan_from_nothing(&self.texts, self.engine.creation()))
            }
            other => other,
        }
    }

    async fn push(&self, failures: &[NewFailure]) -> Result<Vec<Pushed>> {
        if fault::is_planted("P4") {
            return self.push_and_answer_early(failures).await;
        }
        within!(self, session, push::push(session, &self.texts, self.engine.returning(), failures))
    }

    async fn push_new(&self, failures: &[NewFailure]) -> Result<Vec<Option<Pushed>>> {
        let insert_new = self.engine.insert_new().filter(|_| !fault::is_planted("P4"));
        let Some(insert_new) = insert_new else { return Ok(vec![None; failures.len()]) };
        within!(self, session, push::push_new(session, &self.texts, insert_new, failures))
    }

    async fn resolve(&self, successes: &[Success]) -> Result<Vec<Resolved>> {
        within!(self, session, push::resolve(session, &self.texts, successes))
    }

    async fn unlocked(&self, identities: &[Identity]) -> Result<Vec<bool>> {
        within!(self, session, push::unlocked(session, &self.texts, identities))
    }

    async fn claim_due(&self, claim: &Claim) -> Result<Vec<Claimed>> {
        within!(self, session, claim::claim_due(session, &self.texts, claim))
    }

    async fn renew(&self, renewal: &Renewal) -> Result<Vec<i64>> {
        within!(self, session, claim::renew(session, &self.texts, renewal))
    }

    async fn settle_leased(&self, token: Token, settlements: &[Settlement]) -> Result<Vec<Marked>> {
        within!(self, session, claim::settle_leased(session, &self.texts, token, settlements))
    }

    async fn next_due(&self, namespace: &str, scopes: &[Scope]) -> Result<Option<Duration>> {
        within!(self, reader, claim::next_due(reader, &self.texts, namespace, scopes))
    }

    async fn get(&self, namespace: &str, id: i64) -> Result<Option<Stored>> {
        within!(self, reader, operate::get(reader, &self.texts, namespace, id))
    }

    async fn list(&self, namespace: &str, filter: &Filter, page: Page) -> Result<Vec<Stored>> {
        within!(self, reader, operate::list(reader, &self.texts, namespace, filter, page))
    }

    async fn count(&self, namespace: &str, filter: &Filter) -> Result<u64> {
        within!(self, reader, operate::count(reader, &self.texts, namespace, filter))
    }

    async fn operate(&self, namespace: &str, operation: Operation, filter: &Filter, limit: u32) -> Result<u64> {
        within!(self, session, operate::operate(session, &self.texts, namespace, operation, filter, limit))
    }

    async fn tally(&self, namespace: &str) -> Result<Tally> {
        within!(self, reader, operate::tally(reader, &self.texts, namespace))
    }

    async fn set_paused(&self, namespace: &str, topic: &str, paused: bool) -> Result<()> {
        within!(self, session, operate::set_paused(session, &self.texts, namespace, topic, paused))
    }

    async fn paused(&self, namespace: &str) -> Result<Vec<String>> {
        within!(self, reader, operate::paused(reader, &self.texts, namespace))
    }

    async fn survey(&self, source: &str) -> Result<Vec<OldTopic>> {
        if !self.texts.dialect.has_old_rows {
            return Ok(vec![]);
        }
        within!(self, session, adoption::survey(session, source))
    }

    async fn adopt(&self, adoption: &Adoption) -> Result<AdoptedPage> {
        if !self.texts.dialect.has_old_rows {
            return Ok(AdoptedPage::default());
        }
        within!(self, session, adoption::adopt(session, &self.texts, self.engine.returning(), adoption))
    }

    async fn old_rows(&self, adopted: &[Adopted]) -> Result<Vec<Vec<OldRow>>> {
        within!(self, session, adoption::old_rows(session, adopted))
    }

    async fn close(&self) {
        self.warm.close();
        self.engine.close().await;
    }
}
