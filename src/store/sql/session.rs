//! One connection of each database. The drivers share no type that binds and reads values, so what is the same text for
//! all of them is a macro; what differs is how text crosses.

/// Implements [`super::Session`] for `$name`, a pooled connection of `$database`. `$bind` makes of a text what is bound,
/// `$read` reads a text cell of a row,
/// `$remembered` says which statements the server is asked to remember by name.
macro_rules! session {
    ($name:ident, $database:ty, $row:ty, $arguments:ty, $refused:path, bind: $bind:expr, read: $read:expr, remembered: $remembered:path) => {
        use $crate::store::sql::lacking;

        struct $name {
            connection: sqlx::pool::PoolConnection<$database>,
            /// A pooler between us and the server gives each transaction to another of its connections, so that what a
            /// connection remembers (statements by name) is lost or, worse, another client's.
            is_shared: bool,
            is_discarded: bool,
        }

        impl $name {
            const fn new(connection: sqlx::pool::PoolConnection<$database>) -> Self {
                Self { connection, is_shared: false, is_discarded: false }
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if !self.is_discarded {
                    $crate::store::sql::give_back(&mut self.connection);
                }
            }
        }

        fn bind(sql: &str, values: Vec<Value>) -> sqlx::query::Query<'_, $database, $arguments> {
            let query = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()));
            values.into_iter().fold(query, |query, value| match value {
                Value::Int(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
                Value::Text(value) => query.bind($bind(value)),
                Value::Json(value) => query.bind(value),
            })
        }

        fn cells(row: &$row, kinds: &[Kind]) -> Result<Cells, sqlx::Error> {
            let cell = |(index, kind): (usize, &Kind)| {
                Ok(match kind {
                    // Unchecked: integer columns have the width that fits them, and are read as one.
                    Kind::Int => Value::Int(row.try_get_unchecked(index)?),
                    Kind::Bytes => Value::Bytes(row.try_get_unchecked(index)?),
                    Kind::Text => Value::Text($read(row, index)?),
                })
            };
            kinds.iter().enumerate().map(cell).collect::<Result<_, _>>().map(Cells::new)
        }

        #[async_trait::async_trait]
        impl Session for $name {
            async fn rows(&mut self, sql: &str, values: Vec<Value>, kinds: &[Kind]) -> Result<Vec<Cells>> {
                let query = bind(sql, values).persistent(!self.is_shared && $remembered(sql));
                let rows = query.fetch_all(&mut *self.connection).await.map_err(|error| lacking($refused(error), sql))?;
                rows.iter().map(|row| cells(row, kinds).map_err($refused)).collect()
            }

            async fn run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64> {
                let query = bind(sql, values).persistent(!self.is_shared && $remembered(sql));
                let done = query.execute(&mut *self.connection).await.map_err(|error| lacking($refused(error), sql))?;
                Ok(done.rows_affected())
            }

            async fn plain(&mut self, sql: &str) -> Result<()> {
                let text = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
                self.connection.execute(text).await.map_err(|error| lacking($refused(error), sql))?;
                Ok(())
            }

            async fn ping(&mut self) -> Result<()> {
                sqlx::Connection::ping(&mut *self.connection).await.map_err($refused)
            }

            fn discard(&mut self) {
                self.is_discarded = true;
                self.connection.close_on_drop();
            }
        }
    };
}

pub(crate) use session;
