//! HTTP/2 frames as they pass (RFC 9113 §4.1): counts those that ask for work and carry no request, and knows whether
//! something has begun that is not complete. However the bytes are cut into pieces, the counts are the same.
//!
//! Nothing is judged by its content here: that is h2's. It is only faster asked than stopped, so this stands before it.

/// What a client begins HTTP/2 with (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Length (3), type (1), flags (1), stream (4).
const HEAD: usize = 9;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const SETTINGS: u8 = 0x4;
const PING: u8 = 0x6;
const WINDOW_UPDATE: u8 = 0x8;
const CONTINUATION: u8 = 0x9;

/// Of PING and SETTINGS.
const ACK: u8 = 0x1;
/// Of DATA and HEADERS.
const END_STREAM: u8 = 0x1;
/// Of HEADERS and CONTINUATION.
const END_HEADERS: u8 = 0x4;

/// Where in the frames a connection is.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; HEAD],
    /// How much of `head` has come.
    filled: usize,
    /// How much of a payload is still to come.
    payload: usize,
    block: Block,
    complete: u64,
}

/// Whether a block of fields has begun whose last frame has not come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Block {
    #[default]
    None,
    Open,
}

impl Frames {
    /// Reads what came, behind the preface: how many frames began in it that ask for work and carry no request.
    pub(super) fn scan(&mut self, mut bytes: &[u8]) -> u32 {
        let mut control = 0_u32;
        loop {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            if skipped > 0 && self.payload == 0 {
                self.end_of_frame();
            }
            let Some((byte, rest)) = bytes.split_first() else { return control };
            bytes = rest;
            if let Some(place) = self.head.get_mut(self.filled) {
                *place = *byte;
                self.filled += 1;
            }
            if self.filled == HEAD {
                control = control.saturating_add(self.begin_frame());
            }
        }
    }

    /// Whether nothing has begun that is not complete: no frame, and no block of fields.
    pub(super) fn is_between(&self) -> bool {
        self.filled == 0 && self.payload == 0 && self.block == Block::None
    }

    /// How many frames are complete; a block of fields counts when its last frame is.
    pub(super) const fn complete(&self) -> u64 {
        self.complete
    }

    fn begin_frame(&mut self) -> u32 {
        let [high, middle, low, kind, flags, ..] = self.head;
        self.filled = 0;
        self.payload = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        if matches!(kind, HEADERS | CONTINUATION) {
            self.block = if flags & END_HEADERS == 0 { Block::Open } else { Block::None };
        }
        let asks_for_work = match kind {
            HEADERS | CONTINUATION | WINDOW_UPDATE => false,
            DATA => self.payload == 0 && flags & END_STREAM == 0,
            PING | SETTINGS => flags & ACK == 0,
            // RST_STREAM, PRIORITY, PRIORITY_UPDATE, what only servers send, and what nobody knows.
            _ => true,
        };
        if self.payload == 0 {
            self.end_of_frame();
        }
        u32::from(asks_for_work)
    }

    const fn end_of_frame(&mut self) {
        if matches!(self.block, Block::None) {
            self.complete += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn count(bytes: &[u8]) -> u32 {
        Frames::default().scan(bytes)
    }

    #[test]
    fn what_asks_for_work_and_carries_no_request_is_counted() {
        for (name, kind, flags, payload) in [
            ("PING", PING, 0, &[0; 8][..]),
            ("SETTINGS", SETTINGS, 0, &[]),
            ("SETTINGS with content", SETTINGS, 0, &[0, 3, 0, 0, 0, 1]),
            ("RST_STREAM", 0x3, 0, &[0, 0, 0, 8]),
            ("PRIORITY", 0x2, 0, &[0, 0, 0, 0, 16]),
            ("PRIORITY_UPDATE", 0x10, 0, &[0, 0, 0, 1, b'u']),
            ("unknown", 0xfe, 0xff, b"grease"),
            ("empty DATA", DATA, 0, &[]),
        ] {
            assert_eq!(count(&frame(kind, flags, payload).repeat(3)), 3, "{name}");
        }
    }

    #[test]
    fn requests_their_content_and_answers_to_our_frames_are_not_counted() {
        for (name, kind, flags, payload) in [
            ("HEADERS", HEADERS, END_HEADERS, &b"block"[..]),
            ("CONTINUATION", CONTINUATION, END_HEADERS, b"block"),
            ("DATA", DATA, 0, b"content"),
            ("DATA that is the end", DATA, END_STREAM, b""),
            ("PING that answers", PING, ACK, &[0; 8]),
            ("SETTINGS that answer", SETTINGS, ACK, b""),
            ("WINDOW_UPDATE", WINDOW_UPDATE, 0, &[0, 0, 1, 0]),
        ] {
            assert_eq!(count(&frame(kind, flags, payload).repeat(3)), 0, "{name}");
        }
    }

    #[test]
    fn a_block_of_fields_is_complete_with_its_last_frame() {
        let mut frames = Frames::default();
        assert!(frames.is_between());
        frames.scan(&frame(HEADERS, 0, b"a"));
        assert!(!frames.is_between());
        frames.scan(&frame(CONTINUATION, 0, b""));
        assert_eq!((frames.is_between(), frames.complete()), (false, 0));
        frames.scan(&frame(CONTINUATION, END_HEADERS, b"b"));
        assert_eq!((frames.is_between(), frames.complete()), (true, 1));
    }

    #[test]
    fn a_frame_is_complete_with_its_last_byte() {
        let (mut frames, ping) = (Frames::default(), frame(PING, 0, &[0; 8]));
        for byte in &ping[..16] {
            frames.scan(&[*byte]);
            assert!(!frames.is_between());
        }
        frames.scan(&ping[16..]);
        assert_eq!((frames.is_between(), frames.complete()), (true, 1));
    }

    fn any_frame() -> impl Strategy<Value = Vec<u8>> {
        let kind = prop_oneof![0..0x11_u8, any::<u8>()];
        (kind, any::<u8>(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(kind, flags, payload)| frame(kind, flags, &payload))
    }

    proptest! {
        #[test]
        fn pieces_count_as_the_whole(
            stream in prop::collection::vec(any_frame(), 0..20).prop_map(|frames| frames.concat()),
            cuts in prop::collection::vec(1..30_usize, 1..50),
        ) {
            let mut whole = Frames::default();
            let counted = whole.scan(&stream);
            let (mut pieces, mut rest, mut sum) = (Frames::default(), &stream[..], 0);
            for cut in cuts.iter().cycle() {
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                sum += pieces.scan(piece);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(sum, counted);
            prop_assert_eq!((pieces.is_between(), pieces.complete()), (whole.is_between(), whole.complete()));
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut frames = Frames::default();
            let _counted = frames.scan(&bytes);
            prop_assert!(frames.complete() <= u64::try_from(bytes.len() / HEAD).unwrap());
        }
    }
}
