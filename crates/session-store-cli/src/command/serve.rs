//! `serve`: answers calls of another program that arrive on standard input.

use std::io;
use std::sync::Arc;

use session_store_protocol::{Service, serve};

use crate::args::ServeArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::store::{change, open_or_create};

pub(crate) fn run(args: &ServeArgs) -> Result<Exit, Failure> {
    let store = open_or_create(&args.store)?;
    let service = Service::of(Arc::new(store.clone()));
    change(&store, || {
        serve(&service, io::stdin().lock(), io::stdout())
            .context(|| format!("serve {}", store.url()))
    })?;
    Ok(Exit::Done)
}
