//! Those who ask and go: with HTTP/1.1 and HTTP/2, in a hurry or hardly at all, and some who are not let in.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use http_body_util::BodyExt as _;

use super::{
    World,
    census::Fate,
    city::{Citizen, Dice},
    client::{Connection, Content, Question, in_pieces, nothing, whole},
};

/// How long a visitor looks at an answer, in milliseconds.
const LOOKS: (u64, u64) = (2, 30);

/// How long somebody stays away without hanging up; a connection may be idle for 75 s.
const IDLE: (u64, u64) = (10_000, 60_000);

/// Requests at the same time on one HTTP/2 connection.
const AT_ONCE: usize = 6;

async fn connected(world: &World, how: How) -> Option<Connection> {
    let connection = match how {
        How::Http1 => Connection::http_1(world).await,
        How::Http2 => Connection::http_2(world).await,
    };
    connection.inspect_err(|error| world.census.fail(format!("not connected: {error:?}"))).ok()
}

enum How {
    Http1,
    Http2,
}

/// One request of anybody, whoever asked last on this connection.
async fn echoes(world: &World, connection: &mut Connection, dice: &mut Dice) -> bool {
    let citizen = world.city.anybody(dice);
    let (nonce, tokens) = (dice.next(), world.city.credential(citizen, dice));
    let line = format!("GET /echo/{nonce}");
    world.ask(connection, Question { line: &line, subject: &citizen.subject, nonce, tokens: &tokens }, nothing()).await
}

pub(crate) async fn over_http_1(world: Arc<World>) {
    let mut dice = Dice::new();
    while let Some(mut connection) = connected(&world, How::Http1).await {
        let visits = 20 + dice.below(500);
        for _ in 0..visits {
            if !echoes(&world, &mut connection, &mut dice).await {
                break;
            }
            if !world.rests(&mut dice, LOOKS).await {
                return;
            }
        }
    }
}

pub(crate) async fn over_http_2(world: Arc<World>) {
    let mut dice = Dice::new();
    while let Some(connection) = connected(&world, How::Http2).await {
        for _ in 0..20 + dice.below(200) {
            let at_once = (0..AT_ONCE).filter_map(|_| connection.shared());
            let all = join_all(at_once.map(|mut hand| {
                let (world, mut dice) = (Arc::clone(&world), Dice::new());
                async move { echoes(&world, &mut hand, &mut dice).await }
            }));
            let usable = all.await.into_iter().all(|usable| usable);
            if !world.rests(&mut dice, LOOKS).await {
                return;
            }
            if !usable {
                break;
            }
        }
    }
}

/// Asks now and then on a connection that is otherwise idle.
pub(crate) async fn mostly_idle(world: Arc<World>) {
    let mut dice = Dice::new();
    while let Some(mut connection) = connected(&world, How::Http1).await {
        while echoes(&world, &mut connection, &mut dice).await {
            if !world.rests(&mut dice, IDLE).await {
                return;
            }
        }
    }
}

/// Sends bodies of many sizes, in both framings.
pub(crate) async fn uploads(world: Arc<World>) {
    let mut dice = Dice::new();
    while let Some(mut connection) = connected(&world, How::Http1).await {
        for _ in 0..20 {
            let (length, citizen) = (dice.below(300_000), world.city.anybody(&mut dice));
            let body: Content = if dice.below(2) == 0 { whole(length) } else { in_pieces(length) };
            let (id, tokens) = (dice.next(), world.city.credential(citizen, &mut dice));
            let (line, nonce) = (format!("POST /upload/{id}"), id ^ length as u64);
            let question = Question { line: &line, subject: &citizen.subject, nonce, tokens: &tokens };
            let usable = world.ask(&mut connection, question, body).await;
            if !world.rests(&mut dice, (20, 100)).await {
                return;
            }
            if !usable {
                break;
            }
        }
    }
}

/// Leaves in the middle of a download, of an upload, or before the answer.
pub(crate) async fn leaves(world: Arc<World>) {
    let mut dice = Dice::new();
    while let Some(mut connection) = connected(&world, How::Http1).await {
        let citizen: &Citizen = world.city.anybody(&mut dice);
        let tokens = world.city.credential(citizen, &mut dice);
        let (way, frames, hurry) = (dice.below(3), dice.below(20), Duration::from_millis(5));
        let leaving = async {
            let line = if way == 0 { "POST /upload/1" } else { "GET /download/1000" };
            let body = if way == 0 { in_pieces(50_000_000) } else { nothing() };
            let mut answer = connection.send(line, Some(&tokens), body).await.ok()?.into_body();
            for _ in 0..frames {
                answer.frame().await?.ok()?;
            }
            Some(())
        };
        let _left = if way == 2 { leaving.await } else { tokio::time::timeout(hurry, leaving).await.ok().flatten() };
        world.census.count(Fate::Left);
        if !world.rests(&mut dice, (20, 200)).await {
            return;
        }
    }
}

/// Those whom the policy does not admit, whose time is over, and who say nothing of themselves.
pub(crate) async fn refused(world: Arc<World>) {
    let mut dice = Dice::new();
    while let Some(mut connection) = connected(&world, How::Http1).await {
        let unwelcome = world.city.unwelcome();
        for (tokens, status, code) in &unwelcome {
            expect(&world, &mut connection, Some(tokens), (*status, code)).await;
        }
        expect(&world, &mut connection, None, (401, "missing_credential")).await;
        if !world.rests(&mut dice, (20, 60)).await {
            return;
        }
    }
}

/// Key ids that nobody has: a few new ones, seldom enough to leave a genuine new key its attempt, and the old ones often.
pub(crate) async fn strangers(world: Arc<World>) {
    let mut dice = Dice::new();
    while let Some(mut connection) = connected(&world, How::Http1).await {
        let tokens = world.city.under_key(&dice.uuid());
        for _ in 0..50 {
            expect(&world, &mut connection, Some(&tokens), (401, "unknown_key")).await;
            if !world.rests(&mut dice, (50, 150)).await {
                return;
            }
        }
    }
}

async fn expect(
    world: &World,
    connection: &mut Connection,
    tokens: Option<&cognito_auth_proxy::dev::Tokens>,
    expected: (u16, &str),
) {
    let answered = async {
        let response = connection.send("GET /echo/1", tokens, nothing()).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map(|body| body.to_bytes());
        Ok::<_, super::client::Broken>((status, String::from_utf8_lossy(&body?).into_owned()))
    };
    match answered.await {
        Ok((status, text)) if status == expected.0 && text.contains(&format!("\"{}\"", expected.1)) => {
            world.census.count(Fate::Refused);
        }
        other => world.census.fail(format!("expected {expected:?}, got {other:?}")),
    }
}
