//! The key set of a user pool.

use serde_json::Value;

use super::*;
use crate::dev::Issuer;

fn current(issuer: &Issuer) -> PoolKeyId {
    let header: Value = serde_json::from_str(&issuer.access_header()).unwrap();
    PoolKeyId::parse(header["kid"].as_str().unwrap()).unwrap()
}

fn other(number: u32) -> PoolKeyId {
    PoolKeyId::parse(&number.to_string()).unwrap()
}

#[tokio::test]
async fn an_unknown_id_has_the_set_fetched_again() {
    let mut issuer = new_issuer();
    let fixture = Fixture::start().await;
    fixture.endpoint.publish(&issuer);
    let keys = fixture.pool_keys();
    let former = current(&issuer);
    keys.key(&former).await.unwrap();
    issuer.rotate().unwrap();
    fixture.endpoint.publish(&issuer);
    keys.key(&current(&issuer)).await.unwrap();
    keys.key(&former).await.unwrap();
    assert_eq!(fixture.endpoint.requests(), 2);
}

#[tokio::test]
async fn an_id_the_set_lacks_is_unknown_and_not_looked_for_again_for_a_while() {
    let fixture = Fixture::start().await;
    let keys = fixture.pool_keys();
    assert!(unknown(keys.key(&other(1)).await));
    pass(29 * SECOND).await;
    assert!(unknown(keys.key(&other(1)).await));
    assert_eq!(fixture.endpoint.requests(), 1);
    pass(SECOND).await;
    assert!(unknown(keys.key(&other(1)).await));
    assert_eq!(fixture.endpoint.requests(), 2);
}

#[tokio::test]
async fn made_up_ids_cost_ten_fetches_and_known_keys_nothing() {
    let start = tokio::time::Instant::now();
    let fixture = Fixture::start().await;
    let keys = fixture.pool_keys();
    for number in 0..100 {
        assert!(unknown(keys.key(&other(number)).await));
    }
    keys.key(&current(&fixture.issuer)).await.unwrap();
    assert!(within_budget(fixture.endpoint.requests(), start));
}

#[tokio::test]
async fn an_endpoint_that_fails_or_lies_decides_nothing() {
    for fault in NO_KEY.into_iter().chain([Fault::Status(StatusCode::NOT_FOUND)]) {
        let fixture = Fixture::start().await;
        let keys = fixture.pool_keys();
        fixture.endpoint.set_fault(fault);
        assert!(undecided(keys.key(&current(&fixture.issuer)).await), "{fault:?}");
        assert!(undecided(keys.key(&other(1)).await), "{fault:?}");
        assert_eq!(fixture.endpoint.requests(), 1, "{fault:?}");
        fixture.endpoint.set_fault(Fault::None);
        pass(2 * SECOND).await;
        keys.key(&current(&fixture.issuer)).await.unwrap();
    }
}

#[tokio::test]
async fn known_keys_work_through_an_outage_for_a_day() {
    let fixture = Fixture::start().await;
    let keys = fixture.pool_keys();
    let id = current(&fixture.issuer);
    keys.key(&id).await.unwrap();
    for fault in NO_KEY {
        fixture.endpoint.set_fault(fault);
        pass(2 * 3600 * SECOND).await;
        assert!(undecided(keys.key(&other(1)).await), "{fault:?}");
        keys.key(&id).await.unwrap();
    }
    pass(6 * 3600 * SECOND).await;
    assert!(undecided(keys.key(&id).await));
}

#[tokio::test]
async fn a_key_taken_out_of_the_set_loses_our_trust_at_the_hourly_renewal() {
    let (former, present) = (new_issuer(), new_issuer());
    let fixture = Fixture::start().await;
    fixture.endpoint.publish(&former);
    let keys = fixture.pool_keys();
    keys.key(&current(&former)).await.unwrap();
    fixture.endpoint.publish(&present);
    pass(3600 * SECOND).await;
    keys.key(&current(&former)).await.unwrap();
    fixture.endpoint.reached(2).await;
    keys.key(&current(&present)).await.unwrap();
    assert!(unknown(keys.key(&current(&former)).await));
}

#[tokio::test]
async fn fifty_callers_share_one_fetch_and_the_first_may_leave() {
    let fixture = Fixture::start().await;
    let keys = fixture.pool_keys();
    fixture.endpoint.set_fault(Fault::Held);
    let ask = || {
        let (keys, id) = (Arc::clone(&keys), current(&fixture.issuer));
        fixture.tasks.spawn(async move { keys.key(&id).await })
    };
    let first = ask();
    fixture.endpoint.reached(1).await;
    let others: Vec<_> = (0..49).map(|_| ask()).collect();
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    fixture.endpoint.set_fault(Fault::None);
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(fixture.endpoint.requests(), 1);
}
