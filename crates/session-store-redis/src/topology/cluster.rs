//! Queries the nodes of a Cluster for the map from slots to their owners.

use std::sync::Arc;
use std::time::Instant;

use redis::{RedisResult, Value};

use crate::keys::{SLOTS, Slot};
use crate::topology::connect::{Address, other};
use crate::topology::node::Node;
use crate::url::Host;

/// A range of slots with one owner.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: Slot,
    pub(crate) last: Slot,
    pub(crate) address: Address,
}

/// Returns the first answer that names an owner for every slot. If no answer does, returns the
/// answer that names an owner for the most slots.
///
/// The first answer is not always usable, because a node that was removed from the Cluster still
/// answers without naming owners.
pub(crate) fn query_any(nodes: &[Arc<Node>], deadline: Instant) -> RedisResult<Vec<Range>> {
    let mut best = Err(other("the Cluster has no nodes"));
    for node in nodes {
        let answer = query(node, deadline);
        if best.is_err() || covered(&best) < covered(&answer) {
            best = answer;
        }
        if covered(&best) == SLOTS || Instant::now() >= deadline {
            break;
        }
    }
    best
}

/// Returns the number of slots for which an answer names an owner.
fn covered(answer: &RedisResult<Vec<Range>>) -> usize {
    let slots = |range: &Range| usize::from(range.last - range.first) + 1;
    answer.as_ref().map_or(0, |ranges| ranges.iter().map(slots).sum())
}

fn query(node: &Node, deadline: Instant) -> RedisResult<Vec<Range>> {
    let mut connection = node.take(deadline)?;
    let ranges = redis::cmd("CLUSTER").arg("SLOTS").query(&mut *connection);
    let ranges = ranges.map_err(|error| node.explain(error))?;
    connection.release();
    parse(&ranges, &node.address)
}

/// Parses the reply to `CLUSTER SLOTS`. Each item is the first slot, the last slot, the master and
/// the replicas; a node begins with its host and port.
fn parse(ranges: &Value, from: &Address) -> RedisResult<Vec<Range>> {
    let unexpected = || other(format!("unexpected reply of {from} to CLUSTER SLOTS: {ranges:?}"));
    let Value::Array(items) = ranges else { return Err(unexpected()) };
    items.iter().map(|item| parse_range(item, from).ok_or_else(unexpected)).collect()
}

fn parse_range(item: &Value, from: &Address) -> Option<Range> {
    let Value::Array(parts) = item else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &parts[..] else {
        return None;
    };
    let name = match master.first()? {
        Value::BulkString(name) => str::from_utf8(name).ok()?,
        _ => "",
    };
    let Value::Int(port) = master.get(1)? else { return None };
    let slot = |number: i64| Slot::try_from(number).ok().filter(|&s| usize::from(s) < SLOTS);
    let (first, last) = (slot(*first)?, slot(*last)?);
    let address = resolve(name, u16::try_from(*port).ok()?, from)?;
    (first <= last).then_some(Range { first, last, address })
}

/// Returns the address of a node that the node `from` has named.
///
/// A node that does not know its own host name writes an empty name or `?`. The host is then the
/// host of `from`. Returns `None` if `from` has no host, because it was reached by a Unix socket.
pub(crate) fn resolve(name: &str, port: u16, from: &Address) -> Option<Address> {
    let name = match (name, from) {
        ("" | "?", Address::Host(host)) => &host.name,
        ("" | "?", Address::Socket(_)) => return None,
        _ => name,
    };
    Some(Address::Host(Host { name: name.to_owned(), port }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, port: i64) -> Value {
        Value::Array(vec![Value::BulkString(name.into()), Value::Int(port)])
    }

    fn reply(first: i64, last: i64, master: Value) -> Value {
        let replica = node("replica", 9);
        Value::Array(vec![Value::Array(vec![Value::Int(first), Value::Int(last), master, replica])])
    }

    fn queried() -> Address {
        Address::Host(Host { name: String::from("queried"), port: 1 })
    }

    #[test]
    fn a_range_names_its_master() {
        for (name, expected) in [("10.0.0.1", "10.0.0.1"), ("", "queried"), ("?", "queried")] {
            let ranges = parse(&reply(5, 7, node(name, 2)), &queried()).unwrap();
            let address = Address::Host(Host { name: expected.to_owned(), port: 2 });
            assert_eq!(ranges, [Range { first: 5, last: 7, address }]);
        }
    }

    #[test]
    fn an_unexpected_reply_is_an_error() {
        for unexpected in [
            Value::Nil,
            reply(7, 5, node("a", 2)),
            reply(0, 16_384, node("a", 2)),
            reply(0, 1, node("a", 70_000)),
            reply(0, 1, Value::Array(Vec::new())),
        ] {
            assert!(parse(&unexpected, &queried()).is_err(), "{unexpected:?}");
        }
    }
}
