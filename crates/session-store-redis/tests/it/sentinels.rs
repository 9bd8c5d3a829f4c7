//! Tests of Sentinels that are unreachable, outdated, or need a login. A Sentinel is a process that
//! watches a master, and names a new master when the old master fails.

use session_store_redis::RedisStore;
use test_servers::{RedisServer, SentinelGroup, free_port};

use crate::open::{shown, works};

#[test]
fn an_unreachable_sentinel_is_skipped() {
    let group = SentinelGroup::start();
    let url = format!("redis-sentinel://127.0.0.1:{},{}/main", free_port(), group.hosts());
    works(&RedisStore::open_or_create(&url).unwrap());
}

#[test]
fn a_sentinel_that_names_a_lost_master_is_skipped() {
    let (group, mut gone) = (SentinelGroup::start(), RedisServer::start_durable(&[]));
    let watches = format!("sentinel monitor main 127.0.0.1 {} 1\n", gone.port());
    let strayed = RedisServer::start_sentinel(&watches);
    let url = format!("redis-sentinel://127.0.0.1:{},{}/main", strayed.port(), group.hosts());
    let store = RedisStore::open_or_create(&url).unwrap();
    gone.kill();
    works(&store);
}

#[test]
fn sentinels_have_a_login_of_their_own() {
    let group = SentinelGroup::start_with_passwords();
    let with = |data: &str, watch: &str| {
        RedisStore::open_or_create(&format!("redis-sentinel://{data}{}/main{watch}", group.hosts()))
    };
    let store = with(":data@", "?sentinel_password=watch").unwrap();
    works(&store);
    works(&with(":data@", "?sentinel_username=default&sentinel_password=watch").unwrap());
    assert!(!format!("{store:?}").contains("watch"));

    for watch in ["", "?sentinel_password=hunter2", "?sentinel_username=u&sentinel_password=watch"]
    {
        let error = with(":data@", watch).unwrap_err();
        assert!(!error.is_transient(), "{error:?}");
        let shown = shown(&error);
        assert!(shown.contains("a login of its own"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("=watch"), "{shown}");
    }
    let error = with("", "?sentinel_password=watch").unwrap_err();
    assert!(!error.is_transient() && !shown(&error).contains("a login of its own"), "{error:?}");
}
