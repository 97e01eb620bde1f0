//! The certificate of the listener is replaced while requests are on their way.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::support::{
    client::{Wire, request},
    eventually,
    process::Serving,
    proxy::{Setup, staff},
    tls::{Balancer, Client, Files, Pair},
    upstream::Upstream,
};

/// A proxy as a process whose certificate is in files.
struct House {
    serving: Serving,
    files: Files,
    _upstream: Upstream,
}

impl House {
    async fn new(pair: &Pair) -> Self {
        let (upstream, files) = (Upstream::start().await, Files::of(pair));
        let serving = files.set(Setup::new(&upstream).await).start_process().await;
        Self { serving, files, _upstream: upstream }
    }

    /// What a new connection is shown.
    async fn shows(&self, client: &Client) -> CertificateDer<'static> {
        let stream = client.connect(self.serving.address).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    }

    async fn counts(&self, outcome: &str, number: usize) -> bool {
        let line = format!("cognito_auth_proxy_reloads_total{{what=\"certificate\",outcome=\"{outcome}\"}} {number}");
        let mut wire = Wire::connect(self.serving.admin).await;
        wire.send(request("GET /metrics", &[])).await;
        wire.answer().await.text().lines().any(|found| found == line)
    }
}

fn trusting(pairs: &[Pair]) -> Client {
    Client::trusting(&pairs.iter().map(Pair::der).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_replaced_and_no_request_is_lost() {
    let pairs = [Pair::new(), Pair::new(), Pair::new(), Pair::new()];
    let house = House::new(&pairs[0]).await;
    let client = trusting(&pairs);
    let balancer = Balancer::before(house.serving.address, client.clone()).await;
    let (tasks, stop, answered) = (TaskTracker::new(), CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let text = request("GET /page", &house.serving.issuer.tokens(&staff()).fields());
    for _ in 0..2 {
        let (address, text, stop, answered) = (balancer.address, text.clone(), stop.clone(), Arc::clone(&answered));
        tasks.spawn(async move {
            while !stop.is_cancelled() {
                let mut wire = Wire::connect(address).await;
                wire.send(&text).await;
                assert_eq!(wire.answer().await.status, 200);
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    // One that is open all the time, and asks from time to time.
    let mut open = Wire::connect(balancer.address).await;
    for pair in &pairs[1..] {
        house.files.write(&pair.certificate, &pair.key);
        house.serving.process.signal("HUP");
        eventually("the new certificate", async || house.shows(&client).await == pair.der()).await;
        open.send(&text).await;
        assert_eq!(open.answer().await.status, 200);
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    assert!(answered.load(Ordering::SeqCst) >= 2, "requests were on their way");
    assert!(house.counts("applied", 3).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_what_fits_again_is_taken_without_a_signal() {
    let pairs = [Pair::new(), Pair::new()];
    let mut house = House::new(&pairs[0]).await;
    let client = trusting(&pairs);
    for (number, (certificate, key, why)) in [
        (&pairs[1].certificate, &pairs[0].key, "does not fit the certificate"),
        (&pairs[1].certificate, &String::new(), "holds no unencrypted PEM private key"),
        (&String::new(), &pairs[1].key, "holds no PEM certificate"),
    ]
    .into_iter()
    .enumerate()
    {
        house.files.write(certificate, key);
        house.serving.process.signal("HUP");
        let told = house.serving.process.event("not taken, the last good ones stay in force").await;
        assert!(told["error"].as_str().unwrap().contains(why), "{told}");
        assert_eq!(told["what"], "certificate");
        assert!(house.counts("refused", number + 1).await);
        assert_eq!(house.shows(&client).await, pairs[0].der());
    }
    house.files.write(&pairs[1].certificate, &pairs[1].key);
    eventually("the new certificate", async || house.shows(&client).await == pairs[1].der()).await;
    let ended = house.serving.terminated().await;
    for pair in &pairs {
        let secret = pair.key.lines().nth(1).unwrap();
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret));
    }
}
