//! The operator's terminal while a command draws on it: an alternate screen, keys without a line end, and all of it
//! as it was when the command ends, however it ends.

#![expect(
    unsafe_code,
    reason = "a terminal's size is had from ioctl alone, and a descriptor is watched by its number"
)]

use std::{
    io::{self, IsTerminal, Stdin, Write},
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    libc::{TIOCGWINSZ, winsize},
    sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{Signal, SignalKind, signal},
};

/// Alternate screen, no cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Between these two a terminal that knows them shows nothing half drawn.
const BEGIN: &str = "\x1b[?2026h\x1b[H";
const END: &str = "\x1b[J\x1b[?2026l";

mod ioctl {
    use super::{TIOCGWINSZ, winsize};

    nix::ioctl_read_bad!(
        /// Writes the terminal's size into the `winsize` given.
        window_size,
        TIOCGWINSZ,
        winsize
    );
}

/// Columns and rows of the terminal on standard output; none if it is none or does not say.
pub fn size() -> Option<(usize, usize)> {
    let mut size = winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the kernel writes a `winsize` into the one given, and nothing else.
    unsafe { ioctl::window_size(io::stdout().as_raw_fd(), &raw mut size) }.ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// A terminal that is drawn on. Dropping it gives it back as it was.
#[derive(Debug)]
pub struct Terminal {
    keys: Option<Keys>,
}

#[derive(Debug)]
struct Keys {
    stdin: AsyncFd<Stdin>,
    before: Termios,
}

impl Terminal {
    /// Takes the terminal over. Must be called inside the runtime.
    pub fn enter() -> io::Result<Self> {
        write(ENTER)?;
        let mut terminal = Self { keys: None };
        let stdin = io::stdin();
        if stdin.is_terminal() {
            let before = tcgetattr(&stdin)?;
            let mut keys = before.clone();
            keys.local_flags
                .remove(LocalFlags::ICANON | LocalFlags::ECHO);
            // Suspended, the shell would be left on the wrong screen.
            if let Some(suspend) = keys
                .control_chars
                .get_mut(SpecialCharacterIndices::VSUSP as usize)
            {
                *suspend = 0;
            }
            tcsetattr(&stdin, SetArg::TCSANOW, &keys)?;
            terminal.keys = Some(Keys {
                // SAFETY: nothing in this process closes standard input.
                stdin: unsafe { AsyncFd::register_with_interest(stdin, Interest::READABLE) }?,
                before,
            });
        }
        Ok(terminal)
    }

    /// Shows these lines instead of those before, without a flicker; what does not fit on the screen is left out.
    pub fn draw(&self, lines: &[String]) -> io::Result<()> {
        let (_, rows) = size().unwrap_or((80, 24));
        let mut out = BEGIN.to_owned();
        let fits = lines.len() <= rows;
        let shown = if fits { rows } else { rows.saturating_sub(1) };
        for (index, line) in lines.iter().take(shown).enumerate() {
            if index > 0 {
                out.push_str("\r\n");
            }
            out.push_str(line);
            out.push_str("\x1b[K");
        }
        if !fits {
            out.push_str(&format!("\r\n… {} more lines\x1b[K", lines.len() - shown));
        }
        out.push_str(END);
        write(&out)
    }

    /// Returns when a key was pressed that is one of `wanted`.
    pub async fn key(&self, wanted: &[u8]) {
        let Some(keys) = &self.keys else {
            return std::future::pending().await;
        };
        loop {
            let Ok(mut ready) = keys.stdin.readable().await else {
                return std::future::pending().await;
            };
            let mut bytes = [0; 16];
            match nix::unistd::read(keys.stdin.get_ref().as_fd(), &mut bytes) {
                Ok(0) | Err(_) => return std::future::pending().await,
                Ok(read) if bytes.iter().take(read).any(|byte| wanted.contains(byte)) => return,
                Ok(_) => ready.clear_ready(),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(keys) = &self.keys {
            // A terminal that is gone needs nothing back.
            let _gone = tcsetattr(keys.stdin.get_ref(), SetArg::TCSANOW, &keys.before);
        }
        let _gone = write(LEAVE);
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What ends a command or changes what it draws on.
#[derive(Debug)]
pub struct Signals {
    ends: [Signal; 3],
    resized: Signal,
}

impl Signals {
    /// From now on none of them ends the process by itself. Must be called inside the runtime.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            ends: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
            resized: signal(SignalKind::window_change())?,
        })
    }

    /// Returns true when the command is to end, false when the terminal has another size.
    pub async fn next(&mut self) -> bool {
        let [interrupt, terminate, hangup] = &mut self.ends;
        tokio::select! {
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
            _ = hangup.recv() => true,
            _ = self.resized.recv() => false,
        }
    }
}
