//! Where finished spans wait, and where the task runs that takes them: among our own, as everything does.

use std::{
    fmt::Debug,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use opentelemetry_sdk::runtime::{Runtime, RuntimeChannel, TrySend, TrySendError};
use tokio::{
    sync::mpsc::{self, error::TrySendError as NotSent},
    time::sleep,
};
use tokio_util::task::TaskTracker;

use super::losses::Losses;

/// Runs the SDK's task.
#[derive(Debug, Clone)]
pub(super) struct Background {
    pub(super) tasks: TaskTracker,
    pub(super) losses: Arc<Losses>,
}

impl Runtime for Background {
    fn spawn<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(future);
    }

    fn delay(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        sleep(duration)
    }
}

impl RuntimeChannel for Background {
    type Receiver<T: Debug + Send> = Receiver<T>;
    type Sender<T: Debug + Send> = Sender<T>;

    fn batch_message_channel<T: Debug + Send>(&self, capacity: usize) -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Sender { sender, losses: Arc::clone(&self.losses) }, Receiver(receiver))
    }
}

/// The way in. Never waits.
#[derive(Debug)]
pub(super) struct Sender<T> {
    sender: mpsc::Sender<T>,
    losses: Arc<Losses>,
}

impl<T: Debug + Send> TrySend for Sender<T> {
    type Message = T;

    fn try_send(&self, message: T) -> Result<(), TrySendError> {
        self.sender.try_send(message).map_err(|error| match error {
            NotSent::Full(_) => {
                self.losses.lost(1, "too many wait");
                TrySendError::ChannelFull
            }
            NotSent::Closed(_) => {
                self.losses.lost(1, "the export has ended");
                TrySendError::ChannelClosed
            }
        })
    }
}

/// The way out.
#[derive(Debug)]
pub(super) struct Receiver<T>(mpsc::Receiver<T>);

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}
