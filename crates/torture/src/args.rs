//! The command line.

use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use session_store::Durability;
use test_servers::power_cut::FileSystem;

use crate::budget::Limit;
use crate::subject::Backend;

/// Injects faults into a store while several processes write to it, and checks after each fault
/// that nothing acknowledged is lost, stored twice or unreadable.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask torture", bin_name = "cargo xtask torture")]
pub(crate) struct Args {
    /// Only this backend
    pub(crate) backend: Option<Backend>,
    /// Only this kind of fault
    #[arg(long)]
    pub(crate) fault: Option<Fault>,
    /// End each run after this time, such as 90s, 10m or 2h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,
    /// End each run after this number of faults
    #[arg(long, conflicts_with = "time", default_value_t = 60)]
    pub(crate) count: usize,
    /// Repeat the random choices of another run
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Only this file system for power cuts and full disks
    #[arg(long)]
    pub(crate) file_system: Option<Disks>,
    /// Only this durability for power cuts and full disks
    #[arg(long)]
    pub(crate) durability: Option<Durability>,
    /// Write through one exclusive handle (fs, sqlite), and read through handles of other processes
    /// (fs)
    #[arg(long)]
    pub(crate) exclusive: bool,
    /// Run the faults over stores with planted bugs, and fail if a bug is not caught
    #[arg(long)]
    pub(crate) prove: bool,
    #[command(subcommand)]
    pub(crate) hidden: Option<Hidden>,
}

impl Args {
    pub(crate) fn limit(&self) -> Limit {
        self.time.map_or(Limit::Faults(self.count), Limit::Time)
    }
}

/// The hidden commands, with which the program starts its own child processes.
#[derive(Debug, Subcommand)]
pub(crate) enum Hidden {
    /// Makes the calls of a writer.
    #[command(hide = true)]
    Writer {
        /// Make all calls in one thread
        #[arg(long)]
        in_order: bool,
    },
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// Kill processes in the middle of their calls
    Kill,
    /// Cut the power (needs root, loop devices, mkfs.ext4, mkfs.xfs and python3)
    Power,
    /// Fill the disk for some time (needs root, loop devices, mkfs.ext4 and mkfs.xfs)
    Full,
    /// Damage entries, and kill the processes that repair them
    Repair,
    /// Fail each system call of each operation in turn, or kill the process (needs strace)
    Calls,
    /// Kill the connections of a server
    Connections,
    /// Stop a server for longer than the time limit of the client
    Stall,
    /// Kill a server, and start it again
    Crash,
}

/// The file systems for power cuts and full disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Disks {
    Ext4,
    Xfs,
}

impl From<Disks> for FileSystem {
    fn from(disk: Disks) -> Self {
        match disk {
            Disks::Ext4 => Self::Ext4,
            Disks::Xfs => Self::Xfs,
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let units = [("h", 3600), ("m", 60), ("s", 1)];
    let found = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*seconds).map(Duration::from_secs)
    });
    found.ok_or_else(|| format!("cannot read the time {text:?}: write it as 90s, 10m or 2h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        for (text, seconds) in [("90s", Some(90)), ("10m", Some(600)), ("2h", Some(7200))] {
            assert_eq!(duration(text).ok(), seconds.map(Duration::from_secs));
        }
        for text in ["", "10", "m", "-1s", "99999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
