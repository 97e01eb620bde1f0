//! Where this machine listens, as Linux lists it: all of its addresses, and not those that somebody thought of asking.

use std::{
    collections::BTreeSet,
    fs, io,
    net::{IpAddr, SocketAddr},
    str,
};

/// One list for each kind of address. They are those of the network that the process is in, whoever's the sockets are.
const LISTS: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/// The kernel's number for a socket that listens.
const LISTENS: &str = "0A";

/// The addresses at which something listens on `port`; none where the system keeps no such lists.
///
/// # Errors
/// Where a list cannot be read whole: what stands in the rest would be missing unseen.
pub(super) fn listening(port: u16) -> io::Result<BTreeSet<SocketAddr>> {
    let mut found = BTreeSet::new();
    for list in LISTS {
        match fs::read_to_string(list) {
            Ok(list) => found.extend(listed(&list, port).ok_or(io::ErrorKind::InvalidData)?),
            // A system without IPv6 has no list of it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn listed(list: &str, port: u16) -> Option<Vec<SocketAddr>> {
    let sockets = list.lines().skip(1).map(socket).collect::<Option<Vec<_>>>()?;
    let listening = sockets.into_iter().filter(|(address, state)| *state == LISTENS && address.port() == port);
    Some(listening.map(|(address, _)| address).collect())
}

/// A line's own address and state: `sl local_address rem_address st …`.
fn socket(line: &str) -> Option<(SocketAddr, &str)> {
    let mut columns = line.split_whitespace();
    let (local, state) = (columns.nth(1)?, columns.nth(1)?);
    let (address, port) = local.split_once(':')?;
    Some((SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?), state))
}

/// The network's bytes, four at a time, each four shown as the one number that they are to this machine.
fn ip(hexadecimal: &str) -> Option<IpAddr> {
    let (numbers, []) = hexadecimal.as_bytes().as_chunks::<8>() else { return None };
    let four = |digits: &[u8; 8]| Some(u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?.to_ne_bytes());
    let octets = numbers.iter().map(four).collect::<Option<Vec<_>>>()?.concat();
    let address = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    let address = address.or_else(|octets| <[u8; 16]>::try_from(octets).map(IpAddr::from));
    Some(address.ok()?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of Linux 6.18 on x86-64.
    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1EB4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1861566 1 000000004d5c8d60 100 0 0 10 0
   1: 0909090A:1EB4 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 1861563 2 0000000057bf7779 100 0 0 10 0
   2: 0100007F:1EB4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1861562 1 0000000054097332 100 0 0 10 0
   3: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1861564 1 00000000ad925e95 100 0 0 10 0
   4: 0200000A:1EB4 0909090A:BBAA 01 00000000:00000000 00:00000000 00000000     0        0 0 1 000000004d5c8d60 20 0 0 10 -1
   5: 0200000A:1EB4 0100007F:D698 06 00000000:00000000 03:00000E12 00000000     0        0 0 3 0000000043306e02
";

    const TCP6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000909090A:1EB4 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1861570 1 0000000035bc8ab5 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1EB4 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1861569 1 000000008ee808db 100 0 0 10 0
   2: 00000000000000000000000001000000:1EB4 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1861567 1 00000000845a8307 100 0 0 10 0
   3: 000000FD000000000000000009000000:1EB4 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1861568 1 000000008d7dd5da 100 0 0 10 0
   4: 00000000000000000000000000000000:1EB4 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1861571 1 00000000839e0f6e 100 0 0 10 0
";

    fn texts(list: &str) -> Vec<String> {
        listed(list, 7860).unwrap().iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    #[cfg_attr(target_endian = "big", ignore = "the lines are of a little-endian machine")]
    fn what_listens_on_the_port_is_found_and_nothing_else() {
        assert_eq!(texts(TCP), ["0.0.0.0:7860", "10.9.9.9:7860", "127.0.0.1:7860"]);
        assert_eq!(texts(TCP6), ["10.9.9.9:7860", "127.0.0.1:7860", "[::1]:7860", "[fd00::9]:7860", "[::]:7860"]);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_not_passed_over() {
        for line in ["", "   6:", "   6: 0100007F 00000000:0000 0A", "   6: 0100:1EB4 0:0 0A", "   6: x:1EB4 0:0 0A"] {
            assert_eq!(listed(&format!("{TCP}{line}\n"), 7860), None, "{line:?}");
        }
    }
}
