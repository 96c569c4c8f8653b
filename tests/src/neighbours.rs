//! Several distributors on one machine: where each listens, and what each is told of the others.
//!
//! All know each other's addresses before any of them runs, so each has an address of the loopback to itself, of those that
//! are this process's alone.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
};

use anyhow::{Context, Result};
use live::placement::{Member, ranks};

use crate::STAGE;

/// For each process number there are three addresses above 127.64.0.0.
const MOST: u16 = 3;
/// The same for all: a steered player goes to another host, and cannot go to another port.
const HTTPS: u16 = 8443;
const PEER: u16 = 8543;

/// So many distributors, by number from 0.
#[derive(Debug, Clone, Copy)]
pub struct Neighbours {
    count: u16,
}

impl Neighbours {
    /// None where there is one alone.
    pub(crate) fn new(count: u16) -> Option<Self> {
        assert!(count <= MOST, "addresses for {MOST}");
        (count > 1).then_some(Self { count })
    }

    /// `distributor-1` and so on.
    pub fn name(number: u16) -> String {
        format!("distributor-{}", number + 1)
    }

    /// Their numbers in the order of the ranks of the stream `stage`, so its home first.
    pub fn ranks(&self) -> Result<Vec<u16>> {
        let members = (0..self.count).map(|number| Member::new(&Self::name(number), 1));
        let members = members.collect::<Result<Vec<_>, _>>()?;
        let ranks = ranks(&STAGE.name.parse()?, &members).into_iter();
        Ok(ranks.map(u16::try_from).collect::<Result<_, _>>()?)
    }

    /// Where viewers reach the box of this number.
    pub fn https(self, number: u16) -> SocketAddr {
        (host(number), HTTPS).into()
    }

    /// `[peer]` of the box of this number. The public name leads to the last of the stream's ranks, the box that a test
    /// leaves alone: the loopback has no name for several.
    pub(crate) fn section(&self, own: u16) -> Result<String> {
        let last = *self.ranks()?.last().context("no distributor")?;
        let peer = |number: u16| SocketAddr::from((host(number), PEER));
        let mut text = format!(
            "[peer]\nname = \"{}\"\nlisten = \"{}\"\nurl = \"https://{}\"\n",
            Self::name(own),
            peer(own),
            self.https(last)
        );
        for number in 0..self.count {
            write!(
                text,
                "[[peer.distributor]]\nname = \"{}\"\naddress = \"{}\"\nurl = \"https://{}\"\n",
                Self::name(number),
                peer(number),
                self.https(number)
            )?;
        }
        Ok(text + "\n")
    }
}

/// 127.0.0.1 and what is near it belongs to everybody; process numbers have 22 bits.
fn host(number: u16) -> Ipv4Addr {
    let own = std::process::id() & 0x003f_ffff;
    Ipv4Addr::from(0x7f00_0000 + ((u32::from(number) + 1) << 22) + own)
}
