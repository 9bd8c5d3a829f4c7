//! The actors: each one causes one kind of fault while writers write, and has the result audited.

pub(crate) mod calls;
pub(crate) mod kill;
pub(crate) mod moment;
pub(crate) mod power;
pub(crate) mod servers;
