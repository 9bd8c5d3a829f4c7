//! Reads the rows of a damaged table. Skips rows that cannot be read.

use std::ops::RangeInclusive;

use rusqlite::{Connection, ErrorCode, Row};

use crate::error::{DatabaseError, Result};

/// The number of keys after a damaged row that are tried one by one. After these keys, the distance
/// to the next tried key doubles with each try.
///
/// The keys of the entries of a log have no gaps, and a leaf page holds fewer rows than this
/// number. So no row after a damaged leaf page is missed. A damaged inner page hides many leaf
/// pages with neighboring keys. The search then still finds a row after these pages.
const TRIED_ONE_BY_ONE: i64 = 1000;

/// Calls `visit` for every readable row with a key in `keys`. Returns whether all rows were
/// readable.
///
/// The first column of the query `select` must be the integer key, and the rows must be in the
/// order of the key. The parameters of the query are the first and the last key.
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

/// Calls `visit` for every row of a query until a row cannot be read. Returns whether all rows were
/// readable.
pub(super) fn until_damage(
    connection: &Connection,
    select: &str,
    visit: &mut dyn FnMut(&Row<'_>) -> Result<()>,
) -> Result<bool> {
    read(connection, select, (), None, visit)
}

/// Returns a key after `damaged`. The first row that has this key or a larger key can be read.
/// Returns `None` if there is no such row up to the key `last`.
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

/// Calls `visit` for at most `limit` rows of a query. Returns false if a row could not be read
/// because of damage.
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

/// Returns whether the cause of the error is a damaged page, or a device that cannot read a page.
fn is_damage(error: &rusqlite::Error) -> bool {
    use ErrorCode as Code;
    matches!(
        error.sqlite_error_code(),
        Some(Code::DatabaseCorrupt | Code::SystemIoFailure | Code::NotADatabase | Code::TooBig)
    )
}
