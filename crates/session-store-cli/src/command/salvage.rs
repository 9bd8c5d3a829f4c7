//! `salvage`: copies everything that can be read from a damaged SQLite database to a new store.

use std::fmt;

use serde::Serialize;
use session_store::sqlite::{DamagedDatabase, Salvaged, SalvagedLog};
use session_store::{OpenStore, PodStore, Store};

use crate::args::SalvageArgs;
use crate::exit::Exit;
use crate::failure::{Context, Failure};
use crate::output::Output;
use crate::signal::explain_end;
use crate::store::{change, list_sessions, open_or_create};
use crate::text::{entries, plural};

pub(crate) fn run(args: &SalvageArgs, out: &mut Output) -> Result<Exit, Failure> {
    let (from, to) = (&args.broken, &args.new);
    let operation = || format!("salvage {from}");
    if from.is_same_storage(to) {
        return Err(Failure::cannot(operation(), "both URLs name the same store"));
    }
    let Some(path) = from.path().filter(|path| !path.is_dir()) else {
        let cause = "only an SQLite database can be salvaged; `check` names the faults of other \
                     stores";
        return Err(Failure::cannot(operation(), cause));
    };
    explain_end("the new store is not complete; delete it and run the same command again");
    let damaged = DamagedDatabase::open(path).context(operation)?;
    let store = open_or_create(to)?;
    require_empty(&store)?;
    let mut summary = Summary::default();
    let mut printed = Ok(());
    change(&store, || {
        let mut report = |salvaged: Salvaged| {
            summary.count(&salvaged);
            if printed.is_ok() {
                printed = out.answer(&Line(&salvaged));
            }
        };
        damaged.copy_to(&store, &mut report).context(operation)
    })?;
    printed?;
    out.answer(&summary)?;
    Ok(Exit::done_if(summary.losses == 0))
}

/// Fails unless the store is empty, because segments of the store could otherwise be replaced.
fn require_empty(store: &OpenStore) -> Result<(), Failure> {
    let pods = store.pods().map_or_else(|| Ok(Vec::new()), PodStore::list_pods);
    let pods = pods.context(|| format!("list the pods of {}", store.url()))?;
    if list_sessions(store)?.is_empty() && pods.is_empty() {
        return Ok(());
    }
    let operation = format!("salvage to {}", store.url());
    Err(Failure::cannot(operation, "the store is not empty; name a new one"))
}

/// One result, as a line of text or JSON.
struct Line<'a>(&'a Salvaged);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut json = serde_json::json!({"loss": self.0.is_loss(), "message": self.0.to_string()});
        if let Salvaged::Log(SalvagedLog { key, is_trace, expected, recovered, lost, .. }) = self.0
        {
            let lost: Vec<_> = lost.iter().map(|range| [range.start(), range.end()]).collect();
            json = serde_json::json!({
                "session": key.session_id.to_string(),
                "segment": key.segment_id.to_string(),
                "trace": is_trace,
                "entries": expected,
                "recovered": recovered,
                "lost": lost,
                "loss": self.0.is_loss(),
            });
        }
        json.serialize(serializer)
    }
}

/// The numbers of the results. Logs and traces are counted together.
#[derive(Default, Serialize)]
struct Summary {
    whole: usize,
    in_part: usize,
    lost: usize,
    entries: usize,
    pods: usize,
    losses: usize,
}

impl Summary {
    fn count(&mut self, salvaged: &Salvaged) {
        self.losses += usize::from(salvaged.is_loss());
        match salvaged {
            Salvaged::Log(log) => {
                self.entries += log.recovered;
                let count = match log.recovered {
                    _ if log.is_whole() => &mut self.whole,
                    0 => &mut self.lost,
                    _ => &mut self.in_part,
                };
                *count += 1;
            }
            Salvaged::Pods(count) => self.pods += count,
            _ => {}
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { whole, in_part, lost, pods, losses, .. } = self;
        write!(
            f,
            "recovered: {}, {}; logs and traces: {whole} whole, {in_part} in part, {lost} lost; {}",
            entries(self.entries),
            plural(*pods, "pod", "pods"),
            plural(*losses, "loss", "losses"),
        )
    }
}
