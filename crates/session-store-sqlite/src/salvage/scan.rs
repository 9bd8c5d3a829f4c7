//! Reading the rows of a damaged table: rows that cannot be read are skipped.

use std::ops::RangeInclusive;

use rusqlite::{Connection, ErrorCode, Row};

use crate::error::{DatabaseError, Result};

/// The number of keys after damage that are tried one by one. After that, the distances double.
///
/// A damaged page holds fewer rows than that, so the rows after it are all found. Below a damaged
/// inner page are many pages, but they are neighbors, so the search finds the first row after them.
const TRIED_ONE_BY_ONE: i64 = 1000;

/// Calls `visit` for every row that can be read and whose integer key is in `keys`. Returns whether
/// all rows were read.
///
/// The first column of `select` is the key. Its parameters are the first and the last key, and its
/// order is that of the keys.
pub(super) fn rows(
    connection: &Connection,
    select: &str,
    keys: RangeInclusive<i64>,
    visit: &mut dyn FnMut(i64, &Row<'_>) -> Result<()>,
) -> Result<bool> {
    let (mut next, last) = keys.into_inner();
    let mut is_sound = true;
    loop {
        let is_read = read(connection, select, (next, last), None, &mut |row| {
            let key: i64 = row.get(0)?;
            visit(key, row)?;
            next = key.saturating_add(1);
            Ok(())
        })?;
        if is_read {
            return Ok(is_sound);
        }
        is_sound = false;
        match first_readable(connection, select, next, last)? {
            Some(readable) => next = readable,
            None => return Ok(false),
        }
    }
}

/// Calls `visit` for every row of a query until one cannot be read. Returns whether all were read.
pub(super) fn until_damage(
    connection: &Connection,
    select: &str,
    visit: &mut dyn FnMut(&Row<'_>) -> Result<()>,
) -> Result<bool> {
    read(connection, select, (), None, visit)
}

/// Returns the first key after `damaged` from which on a row can be read, or `None` if there is no
/// such key up to `last`.
fn first_readable(
    connection: &Connection,
    select: &str,
    damaged: i64,
    last: i64,
) -> Result<Option<i64>> {
    let is_readable = |key| read(connection, select, (key, last), Some(1), &mut |_| Ok(()));
    let (mut bad, mut step) = (damaged, 1);
    let mut good = loop {
        let Some(key) = bad.checked_add(step).filter(|&key| key <= last) else { break last };
        if is_readable(key)? {
            break key;
        }
        bad = key;
        if bad - damaged >= TRIED_ONE_BY_ONE {
            step = step.saturating_mul(2);
        }
    };
    if good <= bad || !is_readable(good)? {
        return Ok(None);
    }
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        if is_readable(middle)? { good = middle } else { bad = middle }
    }
    Ok(Some(good))
}

/// Calls `visit` for the rows of a query, at most for `limit` rows. Returns false if one could not
/// be read because of damage.
fn read(
    connection: &Connection,
    select: &str,
    parameters: impl rusqlite::Params,
    limit: Option<usize>,
    visit: &mut dyn FnMut(&Row<'_>) -> Result<()>,
) -> Result<bool> {
    let result = (|| -> Result<()> {
        let mut select = connection.prepare_cached(select)?;
        let mut rows = select.query(parameters)?;
        let mut left = limit.unwrap_or(usize::MAX);
        while left > 0
            && let Some(row) = rows.next()?
        {
            visit(row)?;
            left -= 1;
        }
        Ok(())
    })();
    match result {
        Err(DatabaseError::Sqlite(error)) if is_damage(&error) => Ok(false),
        result => result.map(|()| true),
    }
}

/// Returns whether the error comes from damaged pages, or from a device that cannot read them.
fn is_damage(error: &rusqlite::Error) -> bool {
    use ErrorCode as Code;
    matches!(
        error.sqlite_error_code(),
        Some(Code::DatabaseCorrupt | Code::SystemIoFailure | Code::NotADatabase | Code::TooBig)
    )
}
