//! When a connection is idle, and when it only looks so.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_ends_with_the_idle_ones() {
    let mut bench = Bench::start(Bytewise(5)).await;
    assert_eq!(bench.closes().await, (Vec::new(), SECOND * 600));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_without_a_word_and_every_request_puts_that_off() {
    let mut bench = Bench::start(Bytewise(5)).await;
    for _ in 0..3 {
        bench.send(GET).await;
        bench.answer().await;
        sleep(SECOND * 590).await;
        // An empty line is no request.
        bench.send("\r\n").await;
    }
    // The last request was 590 s ago.
    assert_eq!(bench.closes().await, (Vec::new(), SECOND * (3 * 590 + 10)));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_begins_just_before_the_end_of_an_idle_connection_has_its_whole_time() {
    let mut bench = Bench::start(Bytewise(5)).await;
    bench.send(GET).await;
    bench.answer().await;
    sleep(SECOND * 599).await;
    bench.send("GET / HTTP/1.1\r\nho").await;
    sleep(SECOND * 9).await;
    bench.send("st: a\r\n\r\n").await;
    assert!(bench.answer().await.starts_with("HTTP/1.1 200 OK\r\n"));
    bench.send("GET").await;
    let (answer, when) = bench.closes().await;
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{:?}", String::from_utf8_lossy(&answer));
    assert_eq!(when, SECOND * (599 + 9 + 10));
}

/// Reads like a telephone at the edge of its network: slowly, and never so slowly that `write_timeout` is reached.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_taken_slowly_but_steadily_comes_whole() {
    let length = 100 * 1024;
    let mut bench = Bench::start(Bytewise(length)).await;
    bench.send(GET).await;
    let mut bytes = Vec::new();
    let mut piece = [0; 512];
    while !(bytes.windows(4).any(|end| end == b"\r\n\r\n") && bytes.len() > length) {
        sleep(SECOND * 5).await;
        let count = bench.client.read(&mut piece).await.unwrap();
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(&piece[..count]);
    }
    let content = bytes.iter().filter(|byte| **byte == b'x').count();
    assert_eq!((content, bench.began.elapsed() > SECOND * 600), (length, true), "after {:?}", bench.began.elapsed());
    // And only now is the connection idle.
    let whole = bench.began.elapsed();
    let (rest, when) = bench.closes().await;
    assert!(rest.is_empty() && when >= whole + SECOND * 590, "idle for {:?}", when - whole);
}

#[tokio::test(start_paused = true)]
async fn a_first_request_that_is_on_its_way_when_idle_connections_end_is_answered() {
    let mut bench = Bench::start(Bytewise(5)).await;
    sleep(SECOND * 599).await;
    bench.send("GET / HTTP/1.1\r\nho").await;
    sleep(SECOND * 5).await;
    bench.send("st: a\r\n\r\n").await;
    let (answer, when) = bench.closes().await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("connection: close\r\n"), "{answer}");
    assert_eq!(when, SECOND * 604);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_and_a_long_content_are_no_slow_heads() {
    let mut bench = Bench::start(Bytewise(5)).await;
    for _ in 0..3 {
        bench.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n").await;
        for byte in *b"slow" {
            sleep(SECOND * 60).await;
            bench.send([byte]).await;
        }
        assert!(bench.answer().await.starts_with("HTTP/1.1 200 OK"));
        // An empty line behind a content is no beginning.
        bench.send("\r\n").await;
        sleep(SECOND * 60).await;
    }
    assert!(bench.counted("connections 1"));
}
