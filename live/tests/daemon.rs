//! A whole daemon on the chassis (`examples/echo.rs`) as systemd, an operator and its peers find it: a real process,
//! real signals, a real NOTIFY_SOCKET.

#![expect(clippy::unwrap_used, reason = "the means of a test fail by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "one test is two processes and asks the environment which it is"
)]

use std::{
    fs,
    io::{BufRead, BufReader, IoSliceMut, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsRawFd, RawFd},
    os::unix::{fs::MetadataExt, net::UnixDatagram},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::Duration,
};

use live::daemon::Notify;
use nix::{
    cmsg_space,
    sys::signal::{Signal, kill},
    sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg},
    unistd::Pid,
};

/// Nothing here takes long; this only turns a hang into a failure.
const HANG: Option<Duration> = Some(Duration::from_secs(30));

const CONFIG: &str = "echo.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\n";

#[test]
fn it_is_ready_when_bound_reloads_on_hup_and_stops_on_term() {
    let mut echo = Running::start("life", CONFIG);
    let ready = echo.notified();
    assert_eq!(ready, "READY=1\nSTATUS=running");
    assert_eq!(echo.kept, ["listener.admin", "listener.echo"]);
    assert_eq!(echo.get("/ready"), (200, "ready\n".to_owned()));

    echo.signal(Signal::SIGHUP);
    let reloading = echo.notified();
    let usec = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    assert!(usec.unwrap().parse::<u64>().unwrap() > 0, "{reloading}");
    assert_eq!(echo.notified(), ready);

    echo.signal(Signal::SIGTERM);
    assert_eq!(echo.notified(), "STOPPING=1\nSTATUS=draining");
    assert_eq!(echo.exit_code(), Some(0));
}

#[test]
fn a_bad_configuration_is_refused_at_a_reload_and_the_daemon_goes_on() {
    let mut echo = Running::start("reload", CONFIG);
    echo.notified();
    echo.write_config("echo.lisen = 7\n");
    echo.signal(Signal::SIGHUP);
    echo.notified();
    let status = "READY=1\nSTATUS=running; the new configuration was refused";
    assert_eq!(echo.notified(), status);
    let line = echo.log_line("ERROR");
    assert!(
        line.contains("echo.toml:1: echo.lisen: unknown key; did you mean listen?"),
        "{line}"
    );
    echo.talk();
}

#[test]
fn what_the_chassis_cannot_take_over_is_named() {
    let mut echo = Running::start("admin", CONFIG);
    echo.notified();
    echo.write_config(&format!("{CONFIG}drain.deadline = \"1s\"\n"));
    echo.signal(Signal::SIGHUP);
    echo.notified();
    let status = "READY=1\nSTATUS=running; the new configuration was refused";
    assert_eq!(echo.notified(), status);
    let line = echo.log_line("ERROR");
    let said = "a change of [drain] takes effect at the next restart";
    assert!(line.contains(said), "{line}");
    echo.talk();
}

#[test]
fn the_watchdog_is_fed_by_the_runtime_that_serves() {
    let mut echo = Running::with("watchdog", CONFIG, |command| {
        command.env("WATCHDOG_USEC", "100000");
    });
    let heard = [echo.notified(), echo.notified(), echo.notified()];
    assert!(heard.iter().any(|message| message.starts_with("READY=1")));
    assert!(
        heard
            .iter()
            .filter(|message| *message == "WATCHDOG=1")
            .count()
            >= 2,
        "{heard:?}"
    );
}

#[test]
fn a_request_in_the_middle_of_its_body_is_answered_whole_while_it_drains() {
    let mut echo = Running::start("drain", CONFIG);
    let mut peer = echo.talk();
    echo.notified();
    echo.signal(Signal::SIGTERM);
    assert!(echo.notified().starts_with("STOPPING=1"));
    assert_eq!(echo.get("/ready"), (503, "draining\n".to_owned()));
    assert_eq!(echo.get("/live").0, 200);
    peer.write_all(b"the rest").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut rest = String::new();
    peer.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "the rest");
    assert_eq!(echo.exit_code(), Some(0));
}

#[test]
fn what_is_still_running_at_the_deadline_is_named_and_cut_off() {
    let config = format!("{CONFIG}drain.deadline = \"50ms\"\n");
    let mut echo = Running::start("deadline", &config);
    let peer = echo.talk();
    let address = peer.local_addr().unwrap();
    echo.signal(Signal::SIGTERM);
    let line = echo.log_line("cut off at the deadline");
    assert!(
        line.contains("WARN") && line.contains(&format!("tasks=echo {address}")),
        "{line}"
    );
    assert_eq!(echo.exit_code(), Some(0));
}

#[test]
fn a_second_signal_stops_at_once() {
    let config = format!("{CONFIG}drain.deadline = \"10m\"\n");
    let mut echo = Running::start("twice", &config);
    let _peer = echo.talk();
    echo.signal(Signal::SIGINT);
    echo.log_line("what is under way may end");
    echo.signal(Signal::SIGINT);
    echo.log_line("asked a second time to stop");
    assert_eq!(echo.exit_code(), Some(0));
}

#[test]
fn a_socket_of_systemd_is_taken_by_its_name() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let echo = Running::with("activation", CONFIG, |command| {
        // The shell gives descriptor 3 and its own process number, as systemd does, and becomes the daemon.
        let program = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        *command = Command::new("sh");
        command.args(["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 </dev/null"]);
        command
            .arg(program)
            .args(arguments)
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(socket)));
        command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "echo");
    });
    assert_eq!(echo.address("echo"), address);
    echo.talk();
}

/// The half of the next test that is a process systemd started.
#[test]
fn leaves_a_descriptor_with_systemd_when_it_was_started_by_it() {
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        Notify::systemd().store("conn-7", &socket).unwrap();
    }
}

#[test]
fn a_descriptor_is_left_with_systemd_under_its_name() {
    let directory = Directory::new("store");
    let notify = UnixDatagram::bind(directory.0.join("notify")).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "leaves_a_descriptor_with_systemd_when_it_was_started_by_it",
    ]);
    command
        .env("NOTIFY_SOCKET", directory.0.join("notify"))
        .stdout(Stdio::null());
    assert!(command.status().unwrap().success());
    let (mut said, mut space) = ([0; 256], cmsg_space!([RawFd; 1]));
    let mut said_to = [IoSliceMut::new(&mut said)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message =
        recvmsg::<UnixAddr>(notify.as_raw_fd(), &mut said_to, Some(&mut space), flags).unwrap();
    let descriptors = message.cmsgs().unwrap();
    assert_eq!(
        descriptors
            .filter(|c| matches!(c, ControlMessageOwned::ScmRights(_)))
            .count(),
        1
    );
    let length = message.bytes;
    assert_eq!(text(&said[..length]), "FDSTORE=1\nFDNAME=conn-7");
}

#[test]
fn when_descriptors_run_out_the_loop_pauses_and_serves_again_when_there_are_some() {
    let mut echo = Running::with("descriptors", CONFIG, |command| {
        let program = command.get_program().to_owned();
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        *command = Command::new("sh");
        command
            .args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""])
            .arg(program)
            .args(arguments);
    });
    let address = echo.address("echo");
    // The kernel completes these connections whether or not they are accepted.
    let peers: Vec<_> = (0..50)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let line = echo.log_line("no connection can be accepted for now");
    assert!(
        line.contains("ERROR") && line.contains("LimitNOFILE="),
        "{line}"
    );
    drop(peers);
    echo.log_line("accepting connections again");
    echo.talk();
    let (_, metrics) = echo.get("/metrics");
    assert!(
        !metrics.contains("accept_pauses_total{listener=\"echo\"} 0"),
        "{metrics}"
    );
}

#[test]
fn check_prints_what_is_in_effect_and_starts_nothing() {
    let directory = Directory::new("check");
    let secret = directory.file("secret", "hush");
    let config = format!("echo.secret = {{ file = {secret:?} }}\necho.idle = \"120s\"\n");
    let config = directory.file("echo.toml", &config);
    let output = run(&["--check", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let expected = format!(
        "[echo]\nlisten = \"127.0.0.1:7007\"\nidle = \"2m\"\n\n[echo.secret]\nfile = {secret:?}\n\n\
         [admin]\nlisten = \"127.0.0.1:9109\"\nnames = []\n\n[log]\nlevel = \"info\"\n\n[drain]\ndeadline = \"10s\"\n"
    );
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn what_is_wrong_ends_with_its_own_exit_code_and_a_remedy() {
    let directory = Directory::new("exits");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let bad = directory.file("bad.toml", "echo.idle = \"0s\"\n");
    let busy = format!("admin.listen = \"127.0.0.1:0\"\necho.listen = \"127.0.0.1:{port}\"\n");
    let busy = directory.file("busy.toml", &busy);
    let (bad, busy) = (bad.to_str().unwrap(), busy.to_str().unwrap());
    let outside = "bad.toml:1: echo.idle: 0ms is outside 1s to 1h";
    let remedy = format!("port {port} is taken by another program: stop it");
    for (arguments, code, said) in [
        (
            &["--confg", "x"][..],
            64,
            "footlight-echo: --confg is no option; did you mean --config?",
        ),
        (
            &["--config", "/nowhere"],
            64,
            "/nowhere: cannot be read: No such file",
        ),
        (&["--config", bad], 64, outside),
        (&["--config", bad, "--check"], 64, outside),
        (&["--config", busy], 69, &remedy),
    ] {
        let output = run(arguments);
        let heard = text(&output.stderr);
        assert!(heard.contains(said), "{arguments:?}: {heard}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {heard}");
    }
    for (argument, said) in [
        ("--version", "footlight-echo 0."),
        ("--help", "Sends back what"),
    ] {
        let output = run(&[argument]);
        assert!(text(&output.stdout).starts_with(said));
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn under_systemd_the_log_goes_to_the_journal_and_elsewhere_to_standard_error() {
    let directory = Directory::new("journal");
    let heard = |stream: &str| {
        let path = directory.file("stderr", "");
        let file = fs::File::create(&path).unwrap();
        let metadata = file.metadata().unwrap();
        let stream = stream.replace("this", &format!("{}:{}", metadata.dev(), metadata.ino()));
        let mut command = Command::new(program());
        command
            .args(["--config", "/nowhere"])
            .env("JOURNAL_STREAM", stream)
            .stderr(file);
        assert_eq!(command.status().unwrap().code(), Some(64));
        fs::read_to_string(path).unwrap()
    };
    assert_eq!(heard("this"), "");
    assert!(heard("8:1").contains("ERROR /nowhere: cannot be read"));
}

/// A running echo daemon, its NOTIFY_SOCKET and its log. Killed when dropped.
struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
    addresses: Vec<(String, SocketAddr)>,
    notify: UnixDatagram,
    kept: Vec<String>,
    directory: Directory,
}

impl Running {
    fn start(name: &str, config: &str) -> Self {
        Self::with(name, config, |_| {})
    }

    /// `change` may alter the command before it runs.
    fn with(name: &str, config: &str, change: impl FnOnce(&mut Command)) -> Self {
        let directory = Directory::new(name);
        let config = directory.file("echo.toml", config);
        let notify = UnixDatagram::bind(directory.0.join("notify")).unwrap();
        notify.set_read_timeout(HANG).unwrap();
        let mut command = Command::new(program());
        command
            .arg("--config")
            .arg(config)
            .args(["--log", "pretty"]);
        change(&mut command);
        command
            .env("NOTIFY_SOCKET", directory.0.join("notify"))
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let addresses = Vec::new();
        let mut running = Self {
            child,
            log,
            addresses,
            kept: Vec::new(),
            notify,
            directory,
        };
        running.log_line("ready");
        running
    }

    fn write_config(&self, text: &str) {
        self.directory.file("echo.toml", text);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// The next thing that systemd is told; notes the names of what it is given to keep before that.
    fn notified(&mut self) -> String {
        loop {
            let mut message = [0; 4096];
            let length = self.notify.recv(&mut message).unwrap();
            let said = text(&message[..length]).trim_end();
            match said.strip_prefix("FDSTORE=1\nFDNAME=") {
                Some(name) => self.kept.push(name.to_owned()),
                None => return said.to_owned(),
            }
        }
    }

    /// The next line of the log that contains `part`; notes the addresses that the lines before it tell.
    fn log_line(&mut self, part: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.log.read_line(&mut line).unwrap(),
                0,
                "the log ended without: {part}"
            );
            if let Some((_, fields)) = line.trim_end().split_once("listening  listener=") {
                let (name, address) = fields.split_once(" address=").unwrap();
                self.addresses
                    .push((name.to_owned(), address.parse().unwrap()));
            }
            if line.contains(part) {
                return line;
            }
        }
    }

    fn address(&self, name: &str) -> SocketAddr {
        self.addresses
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
            .1
    }

    /// A connection over which something was said and answered.
    fn talk(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address("echo")).unwrap();
        stream.set_read_timeout(HANG).unwrap();
        stream.write_all(b"hello").unwrap();
        let mut back = [0; 5];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"hello");
        stream
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address("admin")).unwrap();
        stream.set_read_timeout(HANG).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_waited_for = self.child.wait();
    }
}

/// A directory of its own for one test; removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}

/// Cargo builds the examples with the tests, and puts them beside the directory of these.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/echo");
    assert!(
        program.exists(),
        "not built: with --test, cargo needs --examples too"
    );
    program
}

fn run(arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .env_remove("NOTIFY_SOCKET")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
