//! One box: mux, transcoders and distributors, wired together and ready.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

use crate::{
    Authority, Clip, Daemon, Encoder, Neighbours, Plan, Program, RunDirectory, Stream, Viewer,
    configuration::{self, CERTIFICATE, KEY, Member, ROOT, SECRET, UPSTREAM},
    viewer::secure,
};

/// Dropping it kills everything and, if a test is failing, shows the logs.
#[derive(Debug)]
pub struct Stage {
    /// The plan it was made from.
    pub plan: Plan,
    /// Listens for publishers.
    pub mux: Daemon,
    /// Make the ladder.
    pub transcoders: Vec<Daemon>,
    /// Serves viewers.
    pub distributor: Daemon,
    /// The distributors after the first.
    pub beside: Vec<Daemon>,
    /// Where they are, if there are several.
    pub neighbours: Option<Neighbours>,
    authority: Authority,
    directory: RunDirectory,
}

impl Stage {
    /// Starts all daemons of the plan and waits until they are ready. `progress` is told of each step.
    pub fn start(plan: Plan, mut progress: impl FnMut(&str)) -> Result<Self> {
        let directory = RunDirectory::new()?;
        let path = directory.path();
        let authority = Authority::new()?;
        directory.write(ROOT, &authority.root)?;
        directory.write(CERTIFICATE, &authority.certificate)?;
        directory.write(KEY, &authority.key)?;
        let [shown, own] = UPSTREAM;
        directory.write(shown, &authority.certificate)?;
        directory.write(own, &authority.key)?;
        directory.write(SECRET, secret()?)?;
        fs::create_dir(path.join("mux-state"))?;

        let mut transcoders = Vec::new();
        let mut members = Vec::new();
        for n in 1..=plan.transcoders {
            progress("starting the transcoder");
            let name = format!("transcoder-{n}");
            let config = directory.write(
                &format!("{name}.toml"),
                configuration::transcoder(&plan, path, &name),
            )?;
            let daemon = Daemon::start(Program::Transcoder, &name, &config, path)?;
            members.push(Member {
                rtmp: daemon.listener("rtmp")?,
                origin: daemon.listener("origin")?,
                name,
            });
            transcoders.push(daemon);
        }
        progress("starting mux");
        let config = directory.write("mux.toml", configuration::mux(&plan, path, &members))?;
        let mux = Daemon::start(Program::Mux, "mux", &config, path)?;
        progress("starting the distributor");
        let neighbours = Neighbours::new(plan.distributors);
        let mut distributors = Vec::new();
        for number in 0..plan.distributors {
            let usual = (Ipv4Addr::LOCALHOST, plan.ports.https).into();
            let listen = neighbours.map_or(usual, |all| all.https(number));
            let mut config = configuration::distributor(&plan, path, listen, &members);
            let mut name = "distributor".to_owned();
            if let Some(all) = neighbours {
                config.push_str(&all.section(number)?);
                name = Neighbours::name(number);
            }
            let config = directory.write(&format!("{name}.toml"), config)?;
            distributors.push(Daemon::start(Program::Distributor, &name, &config, path)?);
        }
        let mut distributors = distributors.into_iter();
        let distributor = distributors.next().context("a plan has a distributor")?;
        let stage = Self {
            plan,
            mux,
            transcoders,
            distributor,
            beside: distributors.collect(),
            neighbours,
            authority,
            directory,
        };
        progress("waiting until all are ready");
        for daemon in stage.daemons() {
            daemon.wait_until_ready()?;
        }
        Ok(stage)
    }

    /// All of them, in the order in which they have to be stopped.
    pub fn daemons(&self) -> impl Iterator<Item = &Daemon> {
        [&self.mux]
            .into_iter()
            .chain(&self.transcoders)
            .chain(self.distributors())
    }

    /// The distributors, by number.
    pub fn distributors(&self) -> impl Iterator<Item = &Daemon> {
        [&self.distributor].into_iter().chain(&self.beside)
    }

    /// The distributor of this number.
    pub fn distributor_mut(&mut self, number: u16) -> Result<&mut Daemon> {
        let mut all = [&mut self.distributor].into_iter().chain(&mut self.beside);
        all.nth(number.into()).context("no such distributor")
    }

    /// Kills a transcoder with all that it does, and starts it again where it was.
    pub fn restart_transcoder(&mut self, index: usize) -> Result<()> {
        let daemon = self
            .transcoders
            .get_mut(index)
            .context("no such transcoder")?;
        let addresses = [daemon.listener("rtmp")?, daemon.listener("origin")?];
        let name = format!("transcoder-{}", index + 1);
        again(
            daemon,
            Program::Transcoder,
            &name,
            &addresses,
            &self.directory,
        )
    }

    /// Has every transcoder read a configuration again in which `from` is `to`.
    pub fn reload_transcoders(&self, from: &str, to: &str) -> Result<()> {
        for (index, daemon) in self.transcoders.iter().enumerate() {
            let name = format!("transcoder-{}.toml", index + 1);
            let config = fs::read_to_string(self.directory.path().join(&name))?;
            ensure!(config.contains(from), "{name} has no {from}");
            self.directory.write(&name, config.replacen(from, to, 1))?;
            daemon.signal(Signal::SIGHUP)?;
        }
        Ok(())
    }

    /// Kills mux, and starts it again where it was, without anything that it knew but its configuration.
    pub fn restart_mux_anew(&mut self) -> Result<()> {
        let address = self.mux.listener("rtmp")?;
        self.mux.kill()?;
        let state = self.directory.path().join("mux-state");
        fs::remove_dir_all(&state)?;
        fs::create_dir(&state)?;
        again(
            &mut self.mux,
            Program::Mux,
            "mux",
            &[address],
            &self.directory,
        )
    }

    /// Where a stream is published to: `rtmp://127.0.0.1:1935/live/stage-dev`.
    pub fn publish_url(&self, stream: Stream) -> Result<String> {
        let address = self.mux.listener("rtmp")?;
        Ok(format!("rtmp://{address}/live/{}", stream.key))
    }

    /// Publishes a clip, over and over, in real time.
    pub fn publish(&self, stream: Stream, clip: &Clip) -> Result<Encoder> {
        self.publish_to(&self.publish_url(stream)?, clip)
    }

    /// The same to anywhere.
    pub fn publish_to(&self, url: &str, clip: &Clip) -> Result<Encoder> {
        Encoder::publish(clip, url, self.directory.path())
    }

    /// Where viewers connect.
    pub fn https(&self) -> Result<SocketAddr> {
        self.distributor.listener("https")
    }

    /// A viewer who trusts this box's authority.
    pub async fn viewer(&self) -> Result<Viewer> {
        Viewer::connect(self.https()?, &self.authority.root).await
    }

    /// A connection from `address` to where viewers connect, for a test to speak over.
    pub async fn stranger(&self, address: Ipv4Addr) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((address, 0).into())?;
        // Whoever does not read is soon noticed by whoever writes.
        socket.set_recv_buffer_size(16 << 10)?;
        Ok(socket.connect(self.https()?).await?)
    }

    /// The same after its handshake, in which `protocol` was agreed on.
    pub async fn guest(&self, address: Ipv4Addr, protocol: &str) -> Result<TlsStream<TcpStream>> {
        let tcp = self.stranger(address).await?;
        secure(tcp, "localhost", &self.authority.root, &[protocol]).await
    }

    /// Leaves out a distributor that a test has killed.
    pub fn remove_distributor(&mut self, number: u16) -> Result<()> {
        match usize::from(number).checked_sub(1) {
            Some(index) => drop(self.beside.remove(index)),
            None => {
                ensure!(!self.beside.is_empty(), "it is the only one");
                self.distributor = self.beside.remove(0);
            }
        }
        Ok(())
    }

    /// A viewer who goes to this address.
    pub async fn viewer_at(&self, address: SocketAddr) -> Result<Viewer> {
        Viewer::connect(address, &self.authority.root).await
    }

    /// The certificate to trust.
    pub fn root_certificate(&self) -> PathBuf {
        self.directory.path().join(ROOT)
    }

    /// Where everything of this run is.
    pub fn directory(&self) -> &RunDirectory {
        &self.directory
    }

    /// What every test asks at its end: all still run, and none has panicked.
    pub fn check_unharmed(&mut self) -> Result<()> {
        let all = [&mut self.mux].into_iter().chain(&mut self.transcoders);
        let all = all.chain([&mut self.distributor]);
        for daemon in all.chain(&mut self.beside) {
            if let Some(line) = daemon.panic() {
                bail!("a daemon panicked: {line}");
            }
            if !daemon.is_running() {
                bail!("a daemon has ended:\n{}", daemon.tail());
            }
        }
        Ok(())
    }

    /// Stops all in order, and says which did not end as asked.
    pub fn stop(mut self) -> Result<()> {
        self.mux.stop()?;
        self.transcoders.iter_mut().try_for_each(Daemon::stop)?;
        self.distributor.stop()?;
        self.beside.iter_mut().try_for_each(Daemon::stop)
    }
}

/// Kills a daemon whose first listeners were given free ports, and starts it again at the same ones.
fn again(
    daemon: &mut Daemon,
    program: Program,
    name: &str,
    addresses: &[SocketAddr],
    directory: &RunDirectory,
) -> Result<()> {
    daemon.kill()?;
    let path = directory.path();
    let mut config = fs::read_to_string(path.join(format!("{name}.toml")))?;
    for address in addresses {
        let here = format!("\"{address}\"");
        config = config.replacen("\"127.0.0.1:0\"", &here, 1);
    }
    let config = directory.write(&format!("{name}.toml"), config)?;
    *daemon = Daemon::start(program, &format!("{name}-again"), &config, path)?;
    daemon.wait_until_ready()
}

/// What `openssl rand -hex 32` would say.
fn secret() -> Result<String> {
    let mut bytes = [0; 32];
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider
        .secure_random
        .fill(&mut bytes)
        .ok()
        .context("no random numbers")?;
    Ok(hex::encode(bytes))
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(
                clippy::print_stderr,
                reason = "a failing test shows what the daemons said"
            )]
            for daemon in self.daemons() {
                eprint!("{}", daemon.tail());
            }
        }
    }
}
