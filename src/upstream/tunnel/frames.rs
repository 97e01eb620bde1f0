//! Where one WebSocket frame ends and the next may begin (RFC 6455 §5.2): only there can a frame of ours stand.

/// The longest head of a frame: two bytes, eight of an extended length, four of a masking key.
const LONGEST_HEAD: usize = 14;

/// Follows the frames of one direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the head of a frame, of which so many bytes are known.
    Head([u8; LONGEST_HEAD], usize),
    /// In its payload, of which so many bytes are to come.
    Payload(u64),
}

impl Default for Place {
    fn default() -> Self {
        Self::Head([0; LONGEST_HEAD], 0)
    }
}

impl Frames {
    /// Whether the last frame has ended and no other has begun.
    pub(super) const fn between(&self) -> bool {
        matches!(self.place, Place::Head(_, 0))
    }

    /// Takes in everything of `bytes`.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.follow_frame(bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// How many of `bytes` belong to the frame that has begun. None, between frames.
    pub(super) fn rest_of_frame(&self, bytes: &[u8]) -> usize {
        if self.between() { 0 } else { Self { place: self.place }.follow_frame(bytes) }
    }

    /// Takes in `bytes` to the end of one frame at most, and says how many that were. At least one, of at least one.
    fn follow_frame(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..)
            && let Some(&next) = rest.first()
        {
            match &mut self.place {
                Place::Payload(left) => {
                    let here = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= here as u64;
                    taken += here;
                    if *left == 0 {
                        self.place = Place::default();
                        return taken;
                    }
                }
                Place::Head(head, known) => {
                    if let Some(byte) = head.get_mut(*known) {
                        *byte = next;
                    }
                    *known += 1;
                    taken += 1;
                    if let Some(payload) = payload(head, *known) {
                        self.place = if payload == 0 { Place::default() } else { Place::Payload(payload) };
                        if payload == 0 {
                            return taken;
                        }
                    }
                }
            }
        }
        taken
    }
}

/// The length of the payload, where the `known` bytes are the whole head.
fn payload(head: &[u8; LONGEST_HEAD], known: usize) -> Option<u64> {
    let [_, second, extended @ ..] = head;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (length, bytes) = match second & 0x7f {
        126 => (2, extended.get(..2)?),
        127 => (8, extended.get(..8)?),
        short => return (known == 2 + mask).then_some(u64::from(short)),
    };
    (known == 2 + length + mask).then(|| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };

    use super::*;

    /// A frame as a real library writes it.
    fn frame(length: usize, mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut frame = Frame::message(vec![0x81; length], OpCode::Data(Data::Binary), true);
        frame.header_mut().mask = mask;
        let mut bytes = Vec::new();
        frame.header().format(length as u64, &mut bytes).unwrap();
        bytes.extend(frame.payload());
        bytes
    }

    #[test]
    fn the_end_of_a_frame_is_found_for_every_length_and_mask() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            for mask in [None, Some([1, 2, 3, 4]), Some([0; 4])] {
                let bytes = frame(length, mask);
                let mut frames = Frames::default();
                for (index, byte) in bytes.iter().enumerate() {
                    assert_eq!(frames.between(), index == 0, "{length} {mask:?} {index}");
                    assert_eq!(frames.rest_of_frame(&bytes[index..]), if index == 0 { 0 } else { bytes.len() - index });
                    frames.follow(&[*byte]);
                }
                assert!(frames.between(), "{length} {mask:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_come(
            sizes in prop::collection::vec((0_usize..300, any::<bool>()), 1..6),
            cuts in prop::collection::vec(1_usize..200, 1..20),
        ) {
            let stream: Vec<u8> =
                sizes.iter().flat_map(|(length, masked)| frame(*length, masked.then_some([9; 4]))).collect();
            let mut ends = Vec::new();
            for (length, masked) in &sizes {
                ends.push(ends.last().unwrap_or(&0) + frame(*length, masked.then_some([9; 4])).len());
            }
            let (mut frames, mut at) = (Frames::default(), 0);
            for cut in cuts.iter().cycle() {
                let piece = &stream[at..(at + cut).min(stream.len())];
                frames.follow(piece);
                at += piece.len();
                prop_assert_eq!(frames.between(), ends.contains(&at));
                let end = ends.iter().find(|end| **end >= at).unwrap_or(&at);
                prop_assert_eq!(frames.rest_of_frame(&stream[at..]), if frames.between() { 0 } else { end - at });
                if at == stream.len() {
                    break;
                }
            }
        }
    }
}
