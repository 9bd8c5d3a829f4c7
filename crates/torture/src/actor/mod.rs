//! The actors. Each actor causes one kind of fault while the writers work, and then calls the
//! auditor.

pub(crate) mod calls;
pub(crate) mod full;
pub(crate) mod kill;
pub(crate) mod moment;
pub(crate) mod power;
pub(crate) mod repair;
pub(crate) mod servers;
