//! Tests that kill a Redis server during a copy. The command ends with an error. After the server
//! has restarted with all acknowledged entries, a second run completes the copy.

use std::time::Duration;

use rstest::rstest;
use test_servers::{Backend, Place, RedisServer};

use super::assert_done;
use super::contents::{Contents, Destination, backup_of};
use super::running::Running;
use crate::program::run;

#[rstest]
#[case::destination_of_migrate("migrate", false)]
#[case::source_of_migrate("migrate", true)]
#[case::destination_of_restore("restore", false)]
#[ignore = "waits some minutes for a lost server: cargo xtask torture"]
fn torture_a_copy_that_lost_its_server_is_resumed(#[case] how: &str, #[case] is_source: bool) {
    let place = Place::new();
    let mut server = RedisServer::start_durable(&[]);
    let other = place.url(Backend::Fs);
    let (store, destination) =
        if is_source { (server.url(), other) } else { (other, server.url()) };
    let contents = Contents::fill(&store);
    let source = if how == "restore" { backup_of(&store) } else { store };
    let args = [how, &source, &destination];

    let copy = Running::start_for(&args, Duration::from_secs(1200));
    let mut copy_store = Destination::new(&destination);
    copy.wait_for(|| contents.copied_to(&mut copy_store) >= contents.entries() / 3);
    server.kill();
    let ended = copy.ended();
    assert_eq!(ended.status, Some(3), "{ended:?}");
    let is_reported = |line: &&str| line.starts_with("segment ");
    assert!(ended.stdout.lines().filter(is_reported).count() > 10, "{ended:?}");

    server.restart();
    contents.assert_part_in(&destination);
    assert_done(&run(args));
    contents.assert_all_in(&destination);
}
