//! Load balancer keys.

use super::*;

fn genuine(fixture: &Fixture) -> KeyId {
    KeyId::parse(fixture.issuer.alb_key_id()).unwrap()
}

#[tokio::test]
async fn a_key_is_fetched_once() {
    let fixture = Fixture::start().await;
    let keys = fixture.alb_keys();
    let first = keys.key(&genuine(&fixture)).await.unwrap();
    let second = keys.key(&genuine(&fixture)).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(fixture.endpoint.requests(), 1);
}

#[tokio::test]
async fn what_the_endpoint_denies_is_unknown_and_not_asked_again_for_a_while() {
    for status in [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::GONE] {
        let fixture = Fixture::start().await;
        let keys = fixture.alb_keys();
        fixture.endpoint.set_fault(Fault::Status(status));
        assert!(unknown(keys.key(&genuine(&fixture)).await), "{status}");
        fixture.endpoint.set_fault(Fault::None);
        pass(29 * SECOND).await;
        assert!(unknown(keys.key(&genuine(&fixture)).await), "{status}");
        assert_eq!(fixture.endpoint.requests(), 1);
        pass(SECOND).await;
        keys.key(&genuine(&fixture)).await.unwrap();
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_or_lies_decides_nothing() {
    for fault in NO_KEY {
        let fixture = Fixture::start().await;
        let keys = fixture.alb_keys();
        fixture.endpoint.set_fault(fault);
        assert!(undecided(keys.key(&genuine(&fixture)).await), "{fault:?}");
        assert_eq!(fixture.endpoint.requests(), 1, "{fault:?}: redirects are not followed, nothing is tried twice");
        fixture.endpoint.set_fault(Fault::None);
        assert!(undecided(keys.key(&genuine(&fixture)).await), "{fault:?}");
        pass(2 * SECOND).await;
        keys.key(&genuine(&fixture)).await.unwrap();
    }
}

#[tokio::test]
async fn nobody_listening_decides_nothing() {
    let fixture = Fixture::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alb", listener.local_addr().unwrap());
    drop(listener);
    let keys = AlbKeys::new(
        &crate::config::KeysUrl::parse(&url).unwrap(),
        &crate::config::Authorities::default(),
        fixture.fetching(),
    )
    .unwrap();
    assert!(undecided(keys.key(&genuine(&fixture)).await));
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_given_three_seconds() {
    let fixture = Fixture::start().await;
    let keys = fixture.alb_keys();
    fixture.endpoint.set_fault(Fault::Held);
    let waiting = fixture.tasks.spawn({
        let (keys, id) = (Arc::clone(&keys), genuine(&fixture));
        async move { keys.key(&id).await }
    });
    fixture.endpoint.reached(1).await;
    pass(3 * SECOND).await;
    assert!(undecided(waiting.await.unwrap()));
}

#[tokio::test]
async fn fifty_callers_share_one_fetch_and_the_first_may_leave() {
    let fixture = Fixture::start().await;
    let keys = fixture.alb_keys();
    fixture.endpoint.set_fault(Fault::Held);
    let ask = || {
        let (keys, id) = (Arc::clone(&keys), genuine(&fixture));
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

#[tokio::test]
async fn made_up_ids_cost_ten_fetches_and_then_one_a_second() {
    let start = tokio::time::Instant::now();
    let fixture = Fixture::start().await;
    let keys = fixture.alb_keys();
    keys.key(&genuine(&fixture)).await.unwrap();
    for number in 0..100 {
        assert!(unknown(keys.key(&made_up(number)).await));
    }
    assert!(within_budget(fixture.endpoint.requests(), start));
    keys.key(&genuine(&fixture)).await.unwrap();
    pass(5 * SECOND).await;
    for number in 100..200 {
        assert!(unknown(keys.key(&made_up(number)).await));
    }
    assert!(fixture.endpoint.requests() >= 15);
    assert!(within_budget(fixture.endpoint.requests(), start));
}

#[tokio::test]
async fn after_an_outage_under_a_flood_a_new_key_is_found_within_ten_seconds() {
    let fixture = Fixture::start().await;
    let keys = fixture.alb_keys();
    fixture.endpoint.set_fault(Fault::Down);
    assert!(undecided(keys.key(&genuine(&fixture)).await));
    for round in 0..20 {
        for number in 0..20 {
            keys.key(&made_up(round * 20 + number)).await.unwrap_err();
        }
        assert!(undecided(keys.key(&genuine(&fixture)).await), "an outage never looks like a bad key id");
        pass(SECOND).await;
    }
    fixture.endpoint.set_fault(Fault::None);
    let mut waited = 0;
    while keys.key(&genuine(&fixture)).await.is_err() {
        pass(SECOND).await;
        waited += 1;
    }
    assert!(waited <= 10, "{waited}");
}

#[tokio::test]
async fn a_key_in_use_is_renewed_in_the_background() {
    let fixture = Fixture::start().await;
    let keys = fixture.alb_keys();
    let id = genuine(&fixture);
    keys.key(&id).await.unwrap();
    pass(13 * 3600 * SECOND).await;
    keys.key(&id).await.unwrap();
    fixture.endpoint.reached(2).await;
    pass(13 * 3600 * SECOND).await;
    keys.key(&id).await.unwrap();
}

#[tokio::test]
async fn a_known_key_outlives_an_outage_by_a_day_at_most() {
    let fixture = Fixture::start().await;
    let keys = fixture.alb_keys();
    let id = genuine(&fixture);
    keys.key(&id).await.unwrap();
    fixture.endpoint.set_fault(Fault::Down);
    pass(24 * 3600 * SECOND - SECOND).await;
    for _ in 0..50 {
        keys.key(&id).await.unwrap();
    }
    fixture.endpoint.reached(2).await;
    pass(2 * SECOND).await;
    assert!(undecided(keys.key(&id).await));
}

#[tokio::test]
async fn a_rotated_key_is_found_at_once() {
    let mut issuer = new_issuer();
    let fixture = Fixture::start().await;
    fixture.endpoint.publish(&issuer);
    let keys = fixture.alb_keys();
    for _ in 0..3 {
        keys.key(&KeyId::parse(issuer.alb_key_id()).unwrap()).await.unwrap();
        issuer.rotate().unwrap();
        fixture.endpoint.publish(&issuer);
    }
    assert_eq!(fixture.endpoint.requests(), 3);
}
