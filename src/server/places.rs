//! How many connections there are at a time. When there is no room, a few more are let in to be told so; behind them the
//! kernel's queue holds the rest.
//!
//! Whoever comes too late hears 503 and when to come again, which a load balancer passes on, and its health checks are
//! answered: a target that only let connections hang would be taken out, and its load would fall on the others.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{info, warn};

use crate::{
    ingress::Room,
    metrics::{Limit, Metrics},
};

/// How many are let in beyond the limit, to be refused in words.
const SURPLUS: usize = 64;

/// The places of one listener.
#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    enough: Arc<Semaphore>,
    surplus: Arc<Semaphore>,
    crowded: AtomicBool,
    metrics: Arc<Metrics>,
}

/// A place for the next connection, whenever it comes.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    room: Room,
}

/// The place of one connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    place: Option<Place>,
    places: Arc<Places>,
}

impl Places {
    pub(super) fn new(all: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            all,
            enough: Arc::new(Semaphore::new(all)),
            surplus: Arc::new(Semaphore::new(SURPLUS)),
            crowded: AtomicBool::new(false),
            metrics,
        })
    }

    /// Waits until one more connection may be accepted.
    pub(super) async fn next(&self) -> Place {
        tokio::select! {
            biased;
            Ok(permit) = Arc::clone(&self.enough).acquire_owned() => Place { _permit: permit, room: Room::Enough },
            Ok(permit) = Arc::clone(&self.surplus).acquire_owned() => Place { _permit: permit, room: Room::None },
            // Nobody closes the semaphores.
            else => pending().await,
        }
    }

    /// Seats a connection. Somebody may have left since its place was got.
    pub(super) fn seat(self: &Arc<Self>, place: Place) -> Seat {
        let place = match place.room {
            Room::Enough => place,
            Room::None => match Arc::clone(&self.enough).try_acquire_owned() {
                Ok(permit) => Place { _permit: permit, room: Room::Enough },
                Err(_) => place,
            },
        };
        self.metrics.connections().inc();
        if place.room == Room::None {
            self.metrics.limit_reached(Limit::Connections);
            if !self.crowded.swap(true, Ordering::Relaxed) {
                warn!(limit = self.all, "too many connections (limits.max_connections), refusing further ones");
            }
        }
        Seat { place: Some(place), places: Arc::clone(self) }
    }

    /// Says so once, when a tenth is free: at the limit itself it would be said again and again.
    fn left(&self) {
        let free = self.enough.available_permits();
        if free >= (self.all / 10).max(1) && self.crowded.swap(false, Ordering::Relaxed) {
            info!(limit = self.all, free, "room for connections again");
        }
    }
}

impl Seat {
    /// Whether there was room.
    pub(super) fn room(&self) -> Room {
        self.place.as_ref().map_or(Room::None, |place| place.room)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop(self.place.take());
        self.places.metrics.connections().dec();
        self.places.left();
    }
}
