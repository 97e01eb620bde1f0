//! Those who stay: WebSockets and event streams, ended by either side, by the proxy at their age, or by a restart.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::frame::coding::CloseCode},
};

use super::{
    Streams, World,
    census::Fate,
    city::{Citizen, Dice},
    client::{Connection, nothing},
};

/// How long one stays, in milliseconds.
const STAYS: (u64, u64) = (1_000, 120_000);

/// Listens to events, each of which must be its own, and leaves after a while.
pub(crate) async fn events(world: Arc<World>) {
    let mut dice = Dice::new();
    loop {
        let citizen = world.city.anybody(&mut dice);
        let stay = dice.pause(Duration::from_millis(STAYS.0), Duration::from_millis(STAYS.1));
        let listening = tokio::time::timeout(stay, listen(&world, citizen, &mut dice));
        match world.over.run_until_cancelled(listening).await {
            None => return,
            Some(Err(_)) => world.census.count(Fate::Left),
            Some(Ok(())) => {}
        }
        if !world.rests(&mut dice, (10, 1000)).await {
            return;
        }
    }
}

/// Until the stream ends.
async fn listen(world: &World, citizen: &Citizen, dice: &mut Dice) {
    let (epoch, tokens) = (world.application.epoch(), world.city.credential(citizen, dice));
    let fault = |what: String| {
        if world.restarted_since(epoch) {
            world.census.count(Fate::Restart);
        } else {
            world.census.fail(format!("events of {}: {what}", citizen.subject));
        }
    };
    let Ok(mut connection) = Connection::http_1(world).await else { return fault("not connected".to_owned()) };
    let mut body = match connection.send("GET /events", Some(&tokens), nothing()).await {
        Ok(response) if response.status() == 200 => response.into_body(),
        other => return fault(format!("{other:?}")),
    };
    let expected = format!("data: {}\n\n", citizen.subject);
    loop {
        match body.frame().await {
            Some(Ok(frame)) if frame.data_ref().is_some_and(|data| *data == expected) => {
                world.census.count(Fate::Message);
            }
            // A clean end, which the application never makes.
            None if world.streams == Streams::EndAtTheirAge => return world.census.count(Fate::StreamEnded),
            other => return fault(format!("{other:?}")),
        }
    }
}

/// Talks over a WebSocket, hears only its own words, and leaves in order or without a word.
pub(crate) async fn socket(world: Arc<World>) {
    let mut dice = Dice::new();
    loop {
        let citizen = world.city.anybody(&mut dice);
        let epoch = world.application.epoch();
        let talking = talk(&world, citizen, &mut dice);
        match world.over.run_until_cancelled(talking).await {
            None => return,
            Some(Ok(fate)) => world.census.count(fate),
            Some(Err(_)) if world.restarted_since(epoch) => world.census.count(Fate::Restart),
            Some(Err(what)) => world.census.fail(format!("socket of {}: {what}", citizen.subject)),
        }
        if !world.rests(&mut dice, (10, 1000)).await {
            return;
        }
    }
}

async fn talk(world: &World, citizen: &Citizen, dice: &mut Dice) -> Result<Fate, String> {
    let mut socket = open(world, citizen, dice).await?;
    for turn in 0..dice.below(60) {
        let said = format!("{turn} {}", "w".repeat(dice.below(3000)));
        // A socket that the proxy has closed takes nothing more; why it did is the next message.
        let _closed = socket.send(said.clone().into()).await;
        match socket.next().await {
            Some(Ok(Message::Text(heard))) if heard.as_str() == format!("{} {said}", citizen.subject) => {
                world.census.count(Fate::Message);
            }
            Some(Ok(Message::Close(Some(frame))))
                if frame.code == CloseCode::Policy && world.streams == Streams::EndAtTheirAge =>
            {
                return Ok(Fate::StreamEnded);
            }
            other => return Err(format!("{other:?}")),
        }
        tokio::time::sleep(dice.pause(Duration::from_millis(50), Duration::from_millis(3000))).await;
    }
    if dice.below(2) == 0 {
        return Ok(Fate::Left);
    }
    let _closed = socket.close(None).await;
    while let Some(Ok(_rest)) = socket.next().await {}
    Ok(Fate::StreamEnded)
}

async fn open(world: &World, citizen: &Citizen, dice: &mut Dice) -> Result<WebSocketStream<TcpStream>, String> {
    let told = |error: &dyn std::fmt::Debug| format!("not opened: {error:?}");
    let mut request = "ws://app.example/socket".into_client_request().map_err(|error| told(&error))?;
    for (name, value) in world.city.credential(citizen, dice).fields() {
        request.headers_mut().insert(name, value.parse().map_err(|error| told(&error))?);
    }
    let stream = TcpStream::connect(world.proxy.address).await.map_err(|error| told(&error))?;
    let (socket, _) = client_async(request, stream).await.map_err(|error| told(&error))?;
    Ok(socket)
}
