//! Pushes: large appends, each in a transaction of a script and a plain list command.
//!
//! Lua computes a hash over all bytes of each argument of a script. For a large append, this takes
//! more than half of the server's time. So the plain list command `RPUSHX` adds the entries. The
//! script `lua/push.lua` runs before it and after it, in the same transaction.

use std::sync::atomic::Ordering;

use redis::{Cmd, Connection, RedisResult, Value};
use session_store_core::LogEntry;

use crate::client::{Client, run, transaction};
use crate::delivery::Transmission;
use crate::disposition::Disposition;
use crate::error::RequestError;
use crate::reply::ChangeReply;
use crate::script::{Call, PUSH};

/// The size from which entries are pushed.
///
/// A push runs two scripts, so it is slower than the script alone for a small append. Measured on
/// one server without an append-only file: both take 40 µs for 12 KB. For 64 KB, the script alone
/// takes 1.5 times as long as a push, and for 256 KB 2.5 times as long.
const MIN_BYTES: usize = 16 * 1024;

/// The positions of the arguments of a signed call of `APPEND`.
const STAMP: usize = 5;
const MODE: usize = 6;
const FIRST_ENTRY: usize = 11;

/// Returns whether these entries should be pushed.
pub(crate) fn is_faster(entries: &[LogEntry]) -> bool {
    entries.iter().map(|entry| entry.as_json().len()).sum::<usize>() >= MIN_BYTES
}

/// Appends to a log by a push. `append` is the call of `APPEND` that makes the same change.
///
/// If the push changes nothing, the script is sent in its place, in the same attempt. Both leave
/// the same record of the writer. So a copy of one is recognized as a repeat of the other.
pub(crate) fn append(
    client: &Client,
    append: Call<'_>,
    pending: &str,
) -> Result<ChangeReply, RequestError> {
    if client.pushes.are_refused.load(Ordering::Relaxed) {
        return client.change(append);
    }
    client.change_by(append, &|append, transmission, connection| {
        let pushed = Push { client, append, pending }.execute(transmission, connection);
        pushed.unwrap_or_else(|| run(append, transmission, connection))
    })
}

struct Push<'a> {
    client: &'a Client,
    append: &'a Call<'a>,
    /// The name of the list of entries between the two runs of the script.
    pending: &'a str,
}

impl Push<'_> {
    /// Makes one attempt. Returns `None` if nothing was changed, and `APPEND` must be sent. The log
    /// may be empty or missing, its head may differ from the expected one, or a server may have
    /// refused a command.
    fn execute(
        &self,
        transmission: Transmission,
        connection: &mut Connection,
    ) -> Option<RedisResult<Value>> {
        let mut execute = |begin| self.transaction(begin, transmission, connection);
        let begin = self.script("begin");
        let mut replies = execute(begin.by_hash());
        if replies.as_ref().is_ok_and(|[begun, _]| is_unknown_script(begun)) {
            // The text makes the server cache the script, so the second run finds it by its hash.
            replies = execute(begin.by_text());
        }
        match replies {
            // The first run makes no change before it succeeds, and without it nothing is pushed.
            Ok([Err(_), _]) => None,
            Ok([Ok(_), Ok(Value::BulkString(reply))]) if reply == b"unfit" => None,
            Ok([Ok(_), ended]) => Some(ended),
            Err(error) if Disposition::of_reply(&error) == Disposition::ReplyLost => {
                Some(Err(error))
            }
            Err(error) => {
                // A server, or a proxy before it, lacks a command or does not permit it.
                if matches!(error.code(), Some("ERR" | "NOPERM")) {
                    self.client.pushes.are_refused.store(true, Ordering::Relaxed);
                }
                None
            }
        }
    }

    /// Sends the transaction. Returns the replies to both runs of the script.
    ///
    /// # Errors
    /// After any error but a lost reply, nothing was changed.
    fn transaction(
        &self,
        begin: Cmd,
        transmission: Transmission,
        connection: &mut Connection,
    ) -> RedisResult<[RedisResult<Value>; 2]> {
        // A proxy that refuses MULTI can still forward the next commands, one by one. So the first
        // transaction is an empty one.
        let has_transactions = &self.client.pushes.has_transactions;
        if !has_transactions.load(Ordering::Relaxed) {
            transaction([], transmission, connection)?;
            has_transactions.store(true, Ordering::Relaxed);
        }
        let entries = &self.append.args[FIRST_ENTRY..];
        // Growing the buffer would take about a tenth of the time of the append.
        let bytes: usize = entries.iter().map(|entry| entry.len()).sum();
        let mut push = Cmd::with_capacity(entries.len() + 3, bytes + self.pending.len() + 64);
        push.arg("RPUSHX").arg(self.pending);
        for text in entries {
            push.arg(&**text);
        }
        push.arg(&*self.append.args[STAMP]);
        let end = self.script("end").by_hash();
        let replies = transaction([begin, push, end], transmission, connection)?;
        let [begun, _, ended] = redis::from_redis_value::<[RedisResult<Value>; 3]>(replies)?;
        Ok([begun, ended])
    }

    /// Returns the call of one run of the script.
    fn script(&self, phase: &'static str) -> Call<'_> {
        let Call { tag, keys, args, .. } = self.append;
        let mut call =
            Call::new(&PUSH, *tag).keys(keys.iter().cloned()).keys([self.pending.into()]);
        call.args = args[..FIRST_ENTRY].to_vec();
        call.args[MODE] = phase.as_bytes().into();
        call
    }
}

/// Returns whether the server had not cached the script. The script was then not executed.
fn is_unknown_script(reply: &RedisResult<Value>) -> bool {
    reply.as_ref().is_err_and(|error| Disposition::of_reply(error) == Disposition::UnknownScript)
}
