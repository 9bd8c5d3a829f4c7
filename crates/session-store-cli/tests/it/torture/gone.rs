//! A server that is killed in the middle of a copy, and comes back with what it acknowledged.

use std::time::Duration;

use rstest::rstest;
use test_servers::RedisServer;

use super::assert_done;
use super::place::{Backend, Place};
use super::running::Running;
use super::stock::{Stock, Watched, backup_of};
use crate::program::run;

#[rstest]
#[case::of_a_migrations_destination("migrate", false)]
#[case::of_a_migrations_source("migrate", true)]
#[case::of_a_restores_destination("restore", false)]
#[ignore = "waits some minutes for a server that is gone: cargo xtask torture"]
fn a_copy_whose_server_is_gone_is_resumed(#[case] how: &str, #[case] server_is_source: bool) {
    let place = Place::new();
    let mut server = RedisServer::start_durable(&[]);
    let other = place.url(Backend::Fs);
    let (store, destination) =
        if server_is_source { (server.url(), other) } else { (other, server.url()) };
    let stock = Stock::fill(&store);
    let source = if how == "restore" { backup_of(&store) } else { store };
    let args = [how, &source, &destination];

    let copy = Running::start_for(&args, Duration::from_secs(1200));
    let mut watched = Watched::new(&destination);
    copy.wait_for(|| stock.arrived(&mut watched) >= stock.entries() / 3);
    server.kill();
    let ended = copy.ended();
    assert_eq!(ended.status, Some(3), "{ended:?}");
    let named = |line: &&str| line.starts_with("segment ");
    assert!(ended.stdout.lines().filter(named).count() > 10, "{ended:?}");

    server.restart();
    stock.assert_begun_in(&destination);
    assert_done(&run(args));
    stock.assert_whole_in(&destination);
}
