//! The real binary over sockets: one connection, one request at a time, and an application that answers 64 bytes.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use cognito_auth_proxy::dev::{Issuer, KeyEndpoint, Parties, Tokens};
use tokio_util::task::TaskTracker;

use super::{Outcome, counting::Counted, requests, tokens};

/// How many requests are counted, after those that make it warm.
const COUNTED: usize = 300;
const WARM: usize = 30;

/// Valgrind takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

const ANSWER: [u8; 64] = [b'a'; 64];

/// Which tokens the requests carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Same,
    NewAlb,
    NewBoth,
}

impl Wire {
    /// Instructions of the proxy for each request.
    pub(crate) fn instructions(self) -> Outcome<f64> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let issuer = Issuer::generate(Parties::default())?;
        let (keys, serving) = runtime.block_on(KeyEndpoint::bind(&issuer))?;
        TaskTracker::new().spawn_on(serving, runtime.handle());
        let (application, port) = (start_application()?, free_port()?);
        let (counted, folder) = start_proxy(&issuer, &keys, (application, port))?;
        let requests = self.requests(&issuer);
        let (warm, rest) = requests.split_at(WARM);
        let mut connection = connect(port, warm[0].as_bytes())?;
        warm.iter().try_for_each(|request| ask(&mut connection, request.as_bytes()))?;
        counted.begin()?;
        rest.iter().try_for_each(|request| ask(&mut connection, request.as_bytes()))?;
        counted.end()?;
        drop(connection);
        let total = counted.total()?;
        drop(folder);
        Ok(total / COUNTED as f64)
    }

    fn requests(self, issuer: &Issuer) -> Vec<String> {
        let same = tokens::both(issuer, &tokens::user(0));
        let tokens = (0..WARM + COUNTED).map(|number| match self {
            Self::Same => same.clone(),
            Self::NewAlb => Tokens { data: tokens::alb(issuer, &tokens::user(0)), ..same.clone() },
            Self::NewBoth => tokens::both(issuer, &tokens::user(number)),
        });
        tokens.map(|tokens| requests::signed_in("GET /", &tokens, "")).collect()
    }
}

fn start_proxy(
    issuer: &Issuer,
    keys: &KeyEndpoint,
    (application, port): (u16, u16),
) -> Outcome<(Counted, tempfile::TempDir)> {
    let parties = issuer.parties();
    let folder = tempfile::tempdir()?;
    let log = File::create(folder.path().join("log"))?;
    let counted = Counted::start(env!("CARGO_BIN_EXE_cognito-auth-proxy"), &[], |command| {
        command
            .env("COGNITO_AUTH_LISTEN", format!("127.0.0.1:{port}"))
            .env("COGNITO_AUTH_ADMIN_LISTEN", "127.0.0.1:0")
            .env("COGNITO_AUTH_UPSTREAM_URL", format!("http://127.0.0.1:{application}"))
            .env("COGNITO_AUTH_ALB_ARNS", &parties.signer)
            .env("COGNITO_AUTH_CLIENT_IDS", &parties.client)
            .env("COGNITO_AUTH_USER_POOL_ID", parties.user_pool_id())
            .env("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", keys.alb_url())
            .env("COGNITO_AUTH_COGNITO_JWKS_URL", keys.jwks_url())
            .env("COGNITO_AUTH_ALLOWED_GROUPS", "staff")
            .env("COGNITO_AUTH_DRAIN_DELAY", "0s")
            .env("TOKIO_WORKER_THREADS", "1")
            .stdout(log);
    })?;
    Ok((counted, folder))
}

/// Connects as soon as it answers.
fn connect(port: u16, request: &[u8]) -> Outcome<TcpStream> {
    let began = Instant::now();
    loop {
        let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(Into::into);
        let asked = connected.and_then(|mut stream: TcpStream| {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            ask(&mut stream, request)?;
            Ok(stream)
        });
        match asked {
            Ok(stream) => return Ok(stream),
            Err(error) if began.elapsed() > PATIENCE => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// One request, and the application's answer.
fn ask(stream: &mut TcpStream, request: &[u8]) -> Outcome {
    stream.write_all(request)?;
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    while !received.ends_with(&ANSWER) {
        match stream.read(&mut buffer)? {
            0 => return Err(format!("not the application's answer: {}", String::from_utf8_lossy(&received)).into()),
            read => received.extend(buffer.iter().take(read)),
        }
        // A refusal is JSON.
        if received.ends_with(b"}") || received.ends_with(b"}\n") {
            return Err(format!("not the application's answer: {}", String::from_utf8_lossy(&received)).into());
        }
    }
    Ok(())
}

fn start_application() -> Outcome<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream));
        }
    });
    Ok(port)
}

fn answer(mut stream: TcpStream) -> Outcome {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", ANSWER.len());
    let answer = [head.as_bytes(), &ANSWER].concat();
    let (mut received, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => received.extend(buffer.iter().take(read)),
        }
        if received.ends_with(b"\r\n\r\n") {
            received.clear();
            stream.write_all(&answer)?;
        }
    }
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
