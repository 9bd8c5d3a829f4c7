//! Copies that are killed, whose disk is full, whose server is gone: started again, they end the same, with no
//! entry twice. And a copy that follows a source that is written to all the time. Everyday runs kill each pair of
//! backends three times; `KILLS=40` is the long run.

mod follow;
mod full;
mod gone;
mod killed;
mod place;
mod running;
mod stock;

use crate::program::Ended;

/// A server's warnings may have come before it.
#[track_caller]
fn assert_done(ended: &Ended) {
    assert_eq!(ended.status, Some(0), "{ended:?}");
}
