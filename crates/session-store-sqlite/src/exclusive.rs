//! The reads of an exclusive handle, which has one connection.

use std::sync::atomic::Ordering;

use rusqlite::Connection;

use crate::database::{Database, lock};
use crate::error::Result;

impl Database {
    /// Runs `query` on the connection for changes, after the change that is running.
    pub(crate) fn read_exclusively<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let mut writer = lock(&self.writer);
        // Commit the changes of the open group, because a read on the same connection would return
        // them although their commit can still fail.
        self.end_group(&mut writer);
        self.files.check()?;
        let connection = match writer.connection.take() {
            Some(connection) => connection,
            None => self.reconnect()?,
        };
        let connection = writer.connection.insert(connection);
        let result = query(&*connection.unchecked_transaction()?);
        self.has_read.store(true, Ordering::Release);
        result
    }
}
