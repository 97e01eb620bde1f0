//! Thousands of users over shared connections on both sides: each answer is its owner's to the last byte, whoever leaves
//! in the middle, reads slowly or uploads beside them.

use std::{
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use cognito_auth_proxy::dev::{Tokens, User};
use futures_util::future::join_all;

use crate::support::{
    client::{Answer, Wire, request},
    h2::{Content, H2},
    proxy::Setup,
    report,
    upstream::{Seen, Upstream},
    visitor::Visitor,
};

const USERS: usize = 2000;
/// Connections on which users take turns, as behind a load balancer.
const HTTP_1: usize = 48;
const HTTP_2: usize = 8;
/// Requests at a time on one connection of HTTP/2.
const AT_ONCE: usize = 4;
/// More than goes out before somebody leaves, and more than a slow reader's socket takes in at once.
const LEFT: usize = 300_000;
const LARGE: usize = 3_000_000;
const SLOW_READERS: usize = 8;

struct Member {
    subject: String,
    tokens: Tokens,
}

/// What the application says: whom it was told it serves, and what of this one request nobody else knows.
fn answer_to(seen: &Seen) -> Vec<u8> {
    let subject = seen.claims()["sub"].as_str().unwrap().to_owned();
    let body = owned(&subject, seen.field("x-nonce").unwrap_or("-"), &seen.line, &seen.body);
    if body.len().is_multiple_of(2) {
        let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for piece in body.as_bytes().chunks(50_000) {
            answer.extend([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        }
        answer.extend(b"0\r\n\r\n");
        return answer;
    }
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Every byte of it belongs to this user and this request. Its length is in the path.
fn owned(subject: &str, nonce: &str, line: &str, upload: &[u8]) -> String {
    let path = line.split(' ').nth(1).unwrap();
    let size: usize = path.rsplit('/').next().unwrap().parse().unwrap();
    let mark = format!("{subject} {nonce} {path} {} ", String::from_utf8_lossy(upload));
    mark.repeat(1 + size / mark.len())
}

/// The crowd, and whose turn it is.
struct Crowd {
    address: SocketAddr,
    members: Vec<Member>,
    next: AtomicUsize,
    wrong: Mutex<Vec<String>>,
    answered: AtomicUsize,
    left: AtomicUsize,
}

/// What one turn is.
struct Turn<'a> {
    member: &'a Member,
    number: usize,
    nonce: String,
}

impl Crowd {
    /// The next turn of anybody; every member has one, and some have more.
    fn turn(&self, turns: usize) -> Option<Turn<'_>> {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        // A stride that meets everybody, so that neighbours on a connection are never the same user twice.
        let member = &self.members[number * 7 % self.members.len()];
        (number < turns).then(|| Turn { member, number, nonce: format!("n{:x}", number * 0x9e37_79b9) })
    }

    fn judge(&self, turn: &Turn<'_>, line: &str, upload: &[u8], answer: &Answer) {
        let expected = owned(&turn.member.subject, &turn.nonce, line, upload);
        if (answer.status, answer.text().as_str()) == (200, &expected) {
            self.answered.fetch_add(1, Ordering::SeqCst);
        } else {
            let begun: String = answer.text().chars().take(120).collect();
            let what = format!("{line} of {} was answered {} {begun:?}", turn.member.subject, answer.status);
            self.wrong.lock().unwrap().push(what);
        }
    }
}

impl Turn<'_> {
    fn fields(&self) -> Vec<(&str, &str)> {
        self.member.tokens.fields().into_iter().chain([("X-Nonce", self.nonce.as_str())]).collect()
    }

    /// Lengths of all sorts, none twice in a row.
    const fn size(&self) -> usize {
        [0, 100, 3_000, 20_000, 17, 70_000, 1][self.number % 7]
    }

    fn line(&self, method: &str) -> String {
        format!("{method} /{}/{}", self.number, self.size())
    }

    fn upload(&self) -> String {
        format!("from {} ", self.member.subject).repeat(self.number % 50)
    }
}

/// Takes turns on a connection that is kept, and leaves it now and then in the middle of somebody's request.
async fn over_http_1(crowd: &Crowd, turns: usize) {
    let mut visitor = Visitor::to(crowd.address);
    while let Some(turn) = crowd.turn(turns) {
        let upload = if turn.number % 3 == 0 { turn.upload() } else { String::new() };
        let line = turn.line(if upload.is_empty() { "GET" } else { "POST" });
        let length = upload.len().to_string();
        let mut fields = turn.fields();
        fields.push(("Content-Length", &length));
        let text = request(&line, &fields) + &upload;
        if turn.number % 11 == 5 {
            // Before the answer, and within the upload: the rest of both is on its way to nobody.
            let sent = if turn.number % 2 == 0 { text.len() } else { text.len() - upload.len() / 2 };
            visitor.leave_after(&text[..sent]).await;
            crowd.left.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        match visitor.ask(&text).await {
            Ok(answer) => crowd.judge(&turn, &line, upload.as_bytes(), &answer),
            Err(broken) => crowd.wrong.lock().unwrap().push(format!("{line}: {broken:?}")),
        }
    }
}

async fn over_http_2(crowd: &Crowd, mut connection: H2, turns: usize) {
    while let Some(turn) = crowd.turn(turns) {
        let fields = turn.fields();
        if turn.number % 11 == 5 {
            connection.leave_within_answer(&format!("GET /{}/{LEFT}", turn.number), &fields).await;
            crowd.left.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        let upload = if turn.number % 3 == 0 { turn.upload() } else { String::new() };
        let line = turn.line(if upload.is_empty() { "GET" } else { "POST" });
        let content = if upload.is_empty() { Content::default() } else { Content::from(upload.clone().into_bytes()) };
        let answer = connection.send_with(&line, &fields, content).await;
        crowd.judge(&turn, &line, upload.as_bytes(), &answer);
    }
}

/// Reads a large answer in sips, leaving room for everybody else between them.
async fn slow_reader(crowd: &Crowd, number: usize) {
    let turn = Turn { member: &crowd.members[number], number, nonce: format!("slow-{number}") };
    let line = format!("GET /{number}/{LARGE}");
    let mut wire = Wire::connect(crowd.address).await;
    wire.send(request(&line, &turn.fields())).await;
    let mut answer = wire.head().await;
    if let Some(length) = answer.field("content-length") {
        let length: usize = length.parse().unwrap();
        while answer.body.len() < length {
            answer.body.extend(wire.exactly((length - answer.body.len()).min(10_000)).await);
            tokio::task::yield_now().await;
        }
    } else {
        while let Some(chunk) = wire.chunk().await {
            answer.body.extend(chunk);
            tokio::task::yield_now().await;
        }
    }
    crowd.judge(&turn, &line, b"", &answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_users_on_shared_connections_get_their_own_answers() {
    let upstream = Upstream::answering(answer_to).await;
    let proxy = Setup::new(&upstream).await.start().await;
    let members = (0..USERS).map(|number| {
        let subject = format!("member-{number}-{}", "x".repeat(number % 5));
        let tokens = proxy.issuer.tokens(&User::new(&subject, "m@example.com").in_groups(&["staff"]));
        Member { subject, tokens }
    });
    let crowd = Crowd {
        address: proxy.address,
        members: members.collect(),
        next: AtomicUsize::new(0),
        wrong: Mutex::default(),
        answered: AtomicUsize::new(0),
        left: AtomicUsize::new(0),
    };
    let turns = 2 * USERS;
    let connections = join_all((0..HTTP_2).map(|_| H2::connect(crowd.address))).await;
    let hands = connections.iter().flat_map(|connection| (0..AT_ONCE).map(|_| connection.shared()));
    let ((), (), ()) = tokio::join!(
        async { drop(join_all((0..HTTP_1).map(|_| over_http_1(&crowd, turns))).await) },
        async { drop(join_all(hands.map(|hand| over_http_2(&crowd, hand, turns))).await) },
        async { drop(join_all((0..SLOW_READERS).map(|number| slow_reader(&crowd, number * 211))).await) },
    );
    let (answered, left) = (crowd.answered.load(Ordering::SeqCst), crowd.left.load(Ordering::SeqCst));
    let used = upstream.connections();
    report(&format!("{answered} answered, {left} left, {used} connections to the application"));
    assert_eq!(*crowd.wrong.lock().unwrap(), Vec::<String>::new());
    assert_eq!(answered + left, turns + SLOW_READERS);
    assert!(used < turns / 2, "{used} connections to the application were shared");
}
