//! An application that hangs, breaks off, resets, or says what is no answer: the client gets a clear 502 or 504 or a broken
//! answer, never a whole-looking one, and nothing of it meets the next request.

use cognito_auth_proxy::dev::{Tokens, User};
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use socket2::SockRef;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_util::task::TaskTracker;

use crate::support::{
    application::Application,
    client::{Answer, Wire, request},
    proxy::{Proxy, Setup},
    soon,
    visitor::{Broken, Visitor},
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn start(settings: &[(&str, &str)]) -> (Application, Proxy) {
    let application = Application::listen().await;
    let setup = Setup::in_front_of(&application.url()).await;
    let proxy = settings.iter().fold(setup, |setup, (name, value)| setup.set(name, value)).start().await;
    (application, proxy)
}

fn signed_in(proxy: &Proxy, line: &str) -> String {
    let tokens = proxy.tokens();
    request(line, &[&tokens.fields()[..], &[("Accept", "application/json")]].concat())
}

async fn asking(proxy: &Proxy, line: &str) -> Wire {
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(signed_in(proxy, line)).await;
    wire
}

/// Closes so that the other side meets a reset, and what it has not read yet is lost.
fn reset(app: Wire) {
    let (stream, _) = app.into_parts();
    SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
}

fn assert_problem(what: &str, answer: &Answer, (status, code): (u16, &str)) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}");
    assert_eq!(answer.json()["status"], status, "{what}");
}

/// The next request finds a proxy that has forgotten what was before, on a connection of its own.
async fn the_next_is_fine(application: &Application, proxy: &Proxy) {
    let mut client = asking(proxy, "POST /next").await;
    let mut app = application.accept().await;
    assert_eq!(app.request().await.line, "POST /next HTTP/1.1");
    app.send(OK).await;
    assert_eq!(client.answer().await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_502_and_not_asked_for_again() {
    let many: String = (0..300).map(|number| format!("x-{number}: 1\r\n")).collect();
    let long = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "a".repeat(1 << 20));
    for (what, said) in [
        ("no status line", "content-length: 2\r\n\r\nok"),
        ("a page", "<html>It works!</html>\r\n\r\n"),
        ("a status of 99", "HTTP/1.1 99 Low\r\ncontent-length: 2\r\n\r\nok"),
        ("a status of 099", "HTTP/1.1 099 Low\r\ncontent-length: 2\r\n\r\nok"),
        ("a status of 1000", "HTTP/1.1 1000 High\r\ncontent-length: 2\r\n\r\nok"),
        ("a status of letters", "HTTP/1.1 OK 200\r\ncontent-length: 2\r\n\r\nok"),
        ("another version", "HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        ("a NUL in a value", "HTTP/1.1 200 OK\r\nx-a: a\0b\r\ncontent-length: 2\r\n\r\nok"),
        ("a NUL in a name", "HTTP/1.1 200 OK\r\nx\0a: b\r\ncontent-length: 2\r\n\r\nok"),
        ("a name with a space", "HTTP/1.1 200 OK\r\nx a: b\r\ncontent-length: 2\r\n\r\nok"),
        ("a folded field", "HTTP/1.1 200 OK\r\nx-a: a\r\n b\r\ncontent-length: 2\r\n\r\nok"),
        ("a lone carriage return", "HTTP/1.1 200 OK\r\nx-a: a\rset-cookie: b\r\ncontent-length: 2\r\n\r\nok"),
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok."),
        ("two lengths in one field", "HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\nok."),
        ("a negative length", "HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok"),
        ("a length of 2^64", "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\nok"),
        ("chunked twice", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        ("300 fields", &format!("HTTP/1.1 200 OK\r\n{many}\r\n")),
        ("a megabyte of a field", &long),
        ("half a head", "HTTP/1.1 200 OK\r\ncontent-le"),
        ("nothing", ""),
    ] {
        let (application, proxy) = start(&[]).await;
        let mut client = asking(&proxy, "GET /").await;
        let mut app = application.accept().await;
        app.request().await;
        // It may be let go in the middle.
        let _let_go = app.try_send(said).await;
        let _let_go = app.into_parts().0.shutdown().await;
        assert_problem(what, &client.answer().await, (502, "upstream_unreachable"));
        assert!(application.is_left_alone().await, "{what}: asked once");
        the_next_is_fine(&application, &proxy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_never_comes_to_its_answer_is_504_and_let_go() {
    for (what, beginning, again) in [
        ("silence", "", ""),
        ("half a head", "HTTP/1.1 200 OK\r\nx-a: ", ""),
        ("early hints without end", "", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
        ("100s without end", "", "HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let (application, proxy) = start(&[("COGNITO_AUTH_UPSTREAM_RESPONSE_TIMEOUT", "500ms")]).await;
        let mut client = asking(&proxy, "GET /").await;
        let mut app = application.accept().await;
        app.request().await;
        app.send(beginning).await;
        let flood = TaskTracker::new().spawn(async move {
            while !again.is_empty() && app.try_send(again.repeat(100)).await.is_ok() {}
            app
        });
        assert_problem(what, &client.answer().await, (504, "upstream_timeout"));
        let mut app = soon("the end of the flood", flood).await.unwrap();
        assert!(app.closes().await, "{what}");
        the_next_is_fine(&application, &proxy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_before_the_answer_is_502_and_within_it_a_cut_answer() {
    for (said, cut) in [
        ("", false),
        ("HTTP/1.1 200 OK\r\ncontent-le", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n0\r\n", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly thi", true),
    ] {
        let (application, proxy) = start(&[]).await;
        let mut visitor = Visitor::to(proxy.address);
        let line = signed_in(&proxy, "GET /");
        let asked = async {
            let answer = visitor.ask(&line).await;
            (answer, visitor)
        };
        let answering = async {
            let mut app = application.accept().await;
            app.request().await;
            app.send(said).await;
            reset(app);
        };
        let ((answer, _visitor), ()) = tokio::join!(asked, answering);
        match answer {
            Err(broken) => assert!(cut && broken == Broken::Cut, "{said:?}: {broken:?}"),
            // A reset may overtake what was sent before it, and then there was no answer.
            Ok(answer) => assert_problem(said, &answer, (502, "upstream_unreachable")),
        }
        the_next_is_fine(&application, &proxy).await;
    }
}

/// One GET over HTTP/2: its status, and whether its body came to an end.
async fn over_http_2(proxy: &Proxy) -> (u16, bool) {
    let stream = TcpStream::connect(proxy.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    TaskTracker::new().spawn(connection);
    let mut builder = http::Request::get("http://app.example/");
    for (name, value) in proxy.tokens().fields() {
        builder = builder.header(name, value);
    }
    let response = soon("an answer", sender.send_request(builder.body(Empty::<&[u8]>::new()).unwrap())).await.unwrap();
    (response.status().as_u16(), soon("the end", response.into_body().collect()).await.is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_answer_is_cut_over_http_2_too() {
    for said in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n",
    ] {
        let (application, proxy) = start(&[]).await;
        let answering = async {
            let mut app = application.accept().await;
            app.request().await;
            app.send(said).await;
        };
        let (seen, ()) = tokio::join!(over_http_2(&proxy), answering);
        assert_eq!(seen, (200, false), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_where_none_belongs_does_not_become_the_next_users_answer() {
    const FORGED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    for (line, head) in [
        ("HEAD /", "HTTP/1.1 200 OK\r\ncontent-length: 44\r\n\r\n"),
        ("HEAD /", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        ("GET /", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET /", "HTTP/1.1 304 Not Modified\r\ncontent-length: 44\r\n\r\n"),
        ("GET /", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        ("GET /", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    ] {
        for late in [false, true] {
            let (application, proxy) = start(&[]).await;
            let mut client = asking(&proxy, line).await;
            let mut app = application.accept().await;
            app.request().await;
            app.send(if late { head.to_owned() } else { [head, FORGED].concat() }).await;
            let answer = client.head().await;
            assert!(answer.status < 400, "{line}: {head}");
            if answer.field("transfer-encoding").is_some() && line.starts_with("GET") {
                assert_eq!(client.chunk().await, None);
            }
            if late {
                app.send(FORGED).await;
                assert!(app.closes().await, "what nobody asked for ends the connection: {line}: {head}");
            }
            the_next_is_fine(&application, &proxy).await;
            assert!(client.has_nothing_more(), "{line}: {head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_accepts_and_hangs_holds_up_nobody_else() {
    let (application, proxy) = start(&[("COGNITO_AUTH_UPSTREAM_RESPONSE_TIMEOUT", "1s")]).await;
    let tokens: Vec<Tokens> = (0..20)
        .map(|number| proxy.issuer.tokens(&User::new(&format!("user-{number}"), "u@example.com").in_groups(&["staff"])))
        .collect();
    let mut hanging = join_all(tokens.iter().map(async |tokens| {
        let mut wire = Wire::connect(proxy.address).await;
        wire.send(request("POST /hang", &[&tokens.fields()[..], &[("Accept", "application/json")]].concat())).await;
        wire
    }))
    .await;
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut app = application.accept().await;
        app.request().await;
        held.push(app);
    }
    the_next_is_fine(&application, &proxy).await;
    for wire in &mut hanging {
        assert_problem("hanging", &wire.answer().await, (504, "upstream_timeout"));
    }
    for mut app in held {
        assert!(app.closes().await);
    }
    assert!(application.is_left_alone().await, "none was sent again");
}
