//! Runs one task for each of many items on several threads, and receives their events in the order
//! of the items.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::{thread, vec};

/// The number of events of one item that can wait for the caller's thread. An event can keep a
/// page of entries in memory.
const WAITING: usize = 4;

/// The items that no thread has taken yet. When a thread takes an item, a channel for the events of
/// the item is created. `receivers` sends the receiver of this channel to the caller's thread.
struct Queue<I, E> {
    items: vec::IntoIter<I>,
    receivers: Option<SyncSender<Receiver<E>>>,
}

impl<I, E> Queue<I, E> {
    /// Returns the next item, and the sender of its events. Returns `None` after the last item, or
    /// after the caller's thread has stopped.
    fn next(&mut self) -> Option<(I, SyncSender<E>)> {
        let (events, receiver) = sync_channel(WAITING);
        let item = self.items.next();
        // After the last item, drop the sender of the receivers. The caller's thread then stops
        // after the receivers that were already sent.
        self.receivers = self.receivers.take().filter(|_| item.is_some());
        self.receivers.as_ref()?.send(receiver).ok()?;
        Some((item?, events))
    }
}

/// Calls `work` for each item on `jobs` threads, and `receive` for each event on the caller's
/// thread.
///
/// All events of an item are received before those of the next one, as if there was one thread.
/// Events are received only from the first unfinished item. The threads of later items wait after a
/// few events, so the memory is bounded. If `receive` fails, sending an event fails too, and no
/// other item is started.
pub(super) fn run_in_order<I: Send, E: Send, F>(
    jobs: usize,
    items: Vec<I>,
    work: impl Fn(I, &SyncSender<E>) + Sync,
    mut receive: impl FnMut(E) -> Result<(), F>,
) -> Result<(), F> {
    let jobs = jobs.clamp(1, items.len().max(1));
    let (sender, receivers) = sync_channel(jobs);
    let queue = Mutex::new(Queue { items: items.into_iter(), receivers: Some(sender) });
    // The lock is held while a receiver is sent, so the receivers have the order of the items.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((item, events)) = next() {
                    work(item, &events);
                }
            });
        }
        // These loops own the receivers. If `receive` fails, the receivers are dropped before the
        // scope waits for the threads, so no thread blocks on a full queue.
        for events in receivers {
            for event in events {
                receive(event)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// The first item ends last, because it waits until the second one was started.
    #[test]
    fn events_are_in_the_order_of_the_items() {
        let barrier = Barrier::new(2);
        let mut received = Vec::new();
        let work = |item: usize, events: &SyncSender<usize>| {
            if item < 2 {
                barrier.wait();
            }
            for n in 0..10 * WAITING {
                events.send(item * 1000 + n).unwrap();
            }
        };
        let receive = |event| {
            received.push(event);
            Ok::<_, ()>(())
        };
        run_in_order(2, (0..20).collect(), work, receive).unwrap();
        assert_eq!(received.len(), 200 * WAITING);
        assert!(received.is_sorted());
    }

    #[test]
    fn an_error_stops_all_threads() {
        let started = AtomicUsize::new(0);
        let work = |_: usize, events: &SyncSender<()>| {
            started.fetch_add(1, Ordering::Relaxed);
            while events.send(()).is_ok() {}
        };
        assert_eq!(run_in_order(3, (0..1000).collect(), work, |()| Err("stop")), Err("stop"));
        assert!(started.load(Ordering::Relaxed) <= 6, "{started:?}");
        run_in_order(3, Vec::new(), work, |()| Err("stop")).unwrap();
    }
}
