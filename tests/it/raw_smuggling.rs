//! However a message says where it ends, what stands behind is no part of it that nobody judged (attack class 6.21).

use crate::raw_stage::{
    End::{self, BrokenOff, GoesOn, Last, Refused, Swallows},
    FRONTS, Stage,
};

/// A body in chunks.
const CHUNKED: &str = "5\r\nhello\r\n0\r\n\r\n";

/// What says how a body is coded, and what comes of it.
const CODINGS: [(&str, End); 44] = [
    // CL.TE and TE.CL: one reader goes by the length, the other by the chunks.
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", Last("hello")),
    ("Transfer-Encoding: chunked\r\nContent-Length: 5", Last("hello")),
    ("Content-Length: 0\r\nTransfer-Encoding: chunked", Last("hello")),
    ("Content-Length: 15\r\nTransfer-Encoding: chunked", Last("hello")),
    ("Content-Length: 99999\r\nTransfer-Encoding: chunked", Last("hello")),
    ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\nContent-Length: 4", Last("hello")),
    ("Content-Length: 5\r\nTransfer-Encoding: gzip, chunked", Refused(400)),
    // TE.TE: one of them does not see the coding.
    ("Transfer-Encoding: xchunked", Refused(400)),
    ("Transfer-Encoding: chunkedx", Refused(400)),
    ("Transfer-Encoding: x\r\nTransfer-Encoding: chunked", Refused(400)),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x", Refused(400)),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Refused(400)),
    ("Transfer-Encoding: chunked\r\nTransfer-encoding: cow", Refused(400)),
    ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", Refused(400)),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", Refused(400)),
    ("Transfer-Encoding: chunked, identity", Refused(400)),
    ("Transfer-Encoding: identity, chunked", Refused(400)),
    ("Transfer-Encoding: chunked, chunked", Refused(400)),
    ("Transfer-Encoding: gzip, chunked", Refused(400)),
    ("Transfer-Encoding: chunked, gzip", Refused(400)),
    ("Transfer-Encoding: ,chunked", Refused(400)),
    ("Transfer-Encoding: chunked,", Refused(400)),
    ("Transfer-Encoding: chunked;q=1", Refused(400)),
    ("Transfer-Encoding: \"chunked\"", Refused(400)),
    ("Transfer-Encoding: 'chunked'", Refused(400)),
    ("Transfer-Encoding: \u{b}chunked", Refused(400)),
    ("Transfer-Encoding: chunked\u{b}", Refused(400)),
    ("Transfer-Encoding: chunked\u{c}", Refused(400)),
    ("Transfer-Encoding: chunked\0", Refused(400)),
    ("Transfer-Encoding: chunked\rX: 1", Refused(400)),
    ("Transfer-Encoding: \u{a0}chunked", Refused(400)),
    ("Transfer-Encoding: chun\u{212a}ed", Refused(400)),
    ("Transfer-Encoding : chunked", Refused(400)),
    ("Transfer-Encoding\t: chunked", Refused(400)),
    (" Transfer-Encoding: chunked", Refused(400)),
    ("X: 1\r\n Transfer-Encoding: chunked", Refused(400)),
    ("Transfer-Encoding:\r\n chunked", Refused(400)),
    ("Transfer-Encoding\r\n : chunked", Refused(400)),
    ("Transfer-Encoding: c\r\n hunked", Refused(400)),
    ("X: 1\nTransfer-Encoding: chunked\nX: 2", GoesOn("hello")),
    ("X: 1\rTransfer-Encoding: chunked", Refused(400)),
    ("Transfer_Encoding: chunked\r\nContent-Length: 15", GoesOn(CHUNKED)),
    ("Transfer.Encoding: chunked\r\nContent-Length: 15", GoesOn(CHUNKED)),
    ("Transfer-Encoding:chunked\r\nContent_Length: 5", GoesOn("hello")),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_coding_makes_a_second_request_of_a_body() {
    let stage = Stage::start().await;
    for (fields, end) in CODINGS {
        stage.expect(("POST", "HTTP/1.1"), &format!("{fields}\r\n\r\n{CHUNKED}"), end).await;
    }
    assert_eq!(CODINGS.len() * FRONTS.len(), 132, "messages");
}

/// What says how long a body is.
const LENGTHS: [(&str, End); 35] = [
    ("Content-Length: 5\r\nContent-Length: 5", GoesOn("hello")),
    ("Content-Length: 05", GoesOn("hello")),
    ("Content-Length:\t5\t", GoesOn("hello")),
    ("Content-Length: 5\r\nContent-Length: 0", Refused(400)),
    ("Content-Length: 0\r\nContent-Length: 5", Refused(400)),
    ("Content-Length: 5\r\nContent-Length: 05x", Refused(400)),
    ("Content-Length: 5, 5", Refused(400)),
    ("Content-Length: 5, 0", Refused(400)),
    ("Content-Length: 5,", Refused(400)),
    ("Content-Length: ,5", Refused(400)),
    ("Content-Length: +5", Refused(400)),
    ("Content-Length: -5", Refused(400)),
    ("Content-Length: -0", Refused(400)),
    ("Content-Length: 0x5", Refused(400)),
    ("Content-Length: 5.0", Refused(400)),
    ("Content-Length: 5e0", Refused(400)),
    ("Content-Length: 5 5", Refused(400)),
    ("Content-Length: 5;x", Refused(400)),
    ("Content-Length: \"5\"", Refused(400)),
    ("Content-Length: \u{665}", Refused(400)),
    ("Content-Length: ", Refused(400)),
    ("Content-Length: \r\n 5", Refused(400)),
    ("Content-Length: 5\0", Refused(400)),
    ("Content-Length: \u{b}5", Refused(400)),
    ("Content-Length: 5\u{c}", Refused(400)),
    ("Content-Length: 5_0", Refused(400)),
    ("Content-Length: 18446744073709551616", Refused(400)),
    ("Content-Length: 18446744073709551621", Refused(400)),
    ("Content-Length: 99999999999999999999999999", Refused(400)),
    ("Content-Length : 5", Refused(400)),
    ("Content-Length\t: 5", Refused(400)),
    (" Content-Length: 5", Refused(400)),
    ("Content-Length: 18446744073709551615", Refused(431)),
    ("Content_Length: 99\r\nContent-Length: 5", GoesOn("hello")),
    ("Content-Length: 5\r\nContent.Length: 0", GoesOn("hello")),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_length_makes_a_second_request_of_a_body() {
    let stage = Stage::start().await;
    for (fields, end) in LENGTHS {
        stage.expect(("POST", "HTTP/1.1"), &format!("{fields}\r\n\r\nhello"), end).await;
    }
    assert_eq!(LENGTHS.len() * FRONTS.len(), 105, "messages");
}

/// Without it trailers would not even be written on.
const DECLARED: &str = "TE: trailers\r\nTrailer: X-Auth-User, Content-Length, Transfer-Encoding, Host\r\n";

/// Bodies in chunks.
const CHUNKS: [(&str, End); 49] = [
    ("5;ext\r\nhello\r\n0\r\n\r\n", GoesOn("hello")),
    ("5;ext=\"a;b\"\r\nhello\r\n0\r\n\r\n", GoesOn("hello")),
    ("5 ;ext\r\nhello\r\n0\r\n\r\n", GoesOn("hello")),
    ("5\t;ext\r\nhello\r\n0\r\n\r\n", GoesOn("hello")),
    ("5 \r\nhello\r\n0\r\n\r\n", GoesOn("hello")),
    ("5\r\nhello\r\n0;ext\r\n\r\n", GoesOn("hello")),
    ("5\r\nhello\r\n00000\r\n\r\n", GoesOn("hello")),
    ("0000000000000005\r\nhello\r\n0\r\n\r\n", GoesOn("hello")),
    ("00000000000000005\r\nhello\r\n0\r\n\r\n", GoesOn("hello")),
    ("5\r\nhello\r\n0\r\nX-Auth-User: forged\r\n\r\n", GoesOn("hello")),
    ("5\r\nhello\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: x\r\nHost: evil.example\r\n\r\n", GoesOn("hello")),
    ("5;ext=\"a\r\n\"\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("5;ext=a\nb\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("5;ext\n\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("5;\rext\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("10000000000000005\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("80000000000000005\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("0x5\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("-5\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("-0\r\n\r\n", BrokenOff),
    ("+5\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("5h\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("5_0\r\nhello\r\n0\r\n\r\n", BrokenOff),
    (" 5\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("\t5\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("\r\n5\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("\n5\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("5\r\nhelloX\r\n0\r\n\r\n", BrokenOff),
    ("4\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("6\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("7\r\nhello\r\n0\r\n\r\n", BrokenOff),
    ("5\r\nhello0\r\n\r\n", BrokenOff),
    ("5\r\nhello\n0\r\n\r\n", BrokenOff),
    ("5\r\nhello\r0\r\n\r\n", BrokenOff),
    ("5\nhello\r\n0\r\n\r\n", BrokenOff),
    ("5\n\nhello\r\n0\r\n\r\n", BrokenOff),
    ("5\rhello\r\n0\r\n\r\n", BrokenOff),
    ("5\r\nhello\r\n0\n\r\n", BrokenOff),
    ("5\r\nhello\r\n0\n\n", BrokenOff),
    ("5\r\nhello\r\n0\r\n", BrokenOff),
    ("5\r\nhello\r\n\r\n", BrokenOff),
    ("5\r\nhello\r\n0\r\nX-A: 1\r\n folded\r\n\r\n", BrokenOff),
    ("5\r\nhello\r\n0\r\nX A: 1\r\n\r\n", BrokenOff),
    ("5\r\nhello\r\n0\r\nnone\r\n\r\n", BrokenOff),
    ("5\r\nhello\r\n0\r\nX-A: 1\nX-B: 2\r\n\r\n", BrokenOff),
    ("5\r\nhello\r\n0\r\nX-A: a\0b\r\n\r\n", BrokenOff),
    ("5\r\nhello\r\n1\r\n\r\n0\r\n\r\n", BrokenOff),
    ("5\r\nhello\r\n0\r\n\n", Swallows("hello")),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_chunk_makes_a_second_request_of_a_body() {
    let stage = Stage::start().await;
    for (body, end) in CHUNKS {
        stage.expect(("POST", "HTTP/1.1"), &format!("{DECLARED}Transfer-Encoding: chunked\r\n\r\n{body}"), end).await;
    }
    assert_eq!(CHUNKS.len() * FRONTS.len(), 147, "messages");
}
