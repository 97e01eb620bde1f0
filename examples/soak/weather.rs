//! What changes around the proxy: keys, the policy file, the application.

use std::{sync::Arc, time::Duration};

use super::World;

const KEYS: Duration = Duration::from_secs(20);
const POLICY: Duration = Duration::from_secs(10);
const RESTART: Duration = Duration::from_secs(45);

/// Each admits `staff`, or is no policy at all.
const POLICIES: [&str; 6] = [
    r#"{"allowed_groups": ["staff", "readers"]}"#,
    r#"{"allowed_groups": ["staff""#,
    r#"{"allowed_groups": ["staff"], "admin_groups": ["admins"]}"#,
    "",
    r#"{"allowed_groups": ["staff"], "allowed_gruops": ["visitors"]}"#,
    r#"{"allowed_groups": ["staff"]}"#,
];

async fn every(world: &World, period: Duration) -> bool {
    world.over.run_until_cancelled(tokio::time::sleep(period)).await.is_some()
}

pub(crate) async fn keys_rotate(world: Arc<World>) {
    while every(&world, KEYS).await {
        world.city.rotate();
    }
}

pub(crate) async fn policies_change(world: Arc<World>) {
    for policy in POLICIES.iter().cycle() {
        if !every(&world, POLICY).await {
            return;
        }
        if let Err(error) = world.city.write_policy(policy) {
            world.census.fail(format!("the policy was not written: {error}"));
        }
    }
}

pub(crate) async fn application_restarts(world: Arc<World>) {
    while every(&world, RESTART).await {
        if let Err(error) = world.application.restart().await {
            world.census.fail(format!("the application did not come back: {error}"));
        }
    }
}
