//! The command `doctor`, the same for all daemons: gathers, has it judged, and tells.

use std::{
    collections::BTreeSet,
    future::Future,
    io::{self, IsTerminal},
    net::SocketAddr,
    path::Path,
    time::Duration,
};

use lexopt::{Arg, Parser};
use tokio::{
    runtime::Builder,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use super::{
    answer::{self, Told},
    certificate, clock,
    directory::{self, Access},
    finding::{Area, Finding},
    gather::{self, sockets},
    name,
    patient::{Directory, Patient, Plan},
    port::{self, Place, collide},
    reach::{lookup, within},
    report::Report,
    secret_file,
    service::{self, Unit},
    system,
};
use crate::daemon::{
    Exit, Process, admin,
    command::{CommandHelp, CommandLine, answer as tell, complain, may_colour, reached},
    config::{self, AdminSection, Problem, Sources},
    lexopt,
    paper::Paper,
    terminal,
};

/// For `--help`.
pub const HELP: CommandHelp = CommandHelp {
    name: "doctor",
    usage: &[
        "           what is wrong and what to type; exit 0 all well, 1 to look at, 2 to put right",
        "--json     the same, for scripts",
    ],
    about: "Look over this box: configuration, service, ports, certificates, clock, disk, the other boxes",
};

/// All of it; what is not known by then is not told. Each question has less, and they are asked at once.
const ALL: Duration = Duration::from_secs(10);

/// Carries the command out.
pub fn run<P: Patient>(line: &CommandLine) -> Exit {
    let json = match parse(line) {
        Ok(json) => json,
        Err(what) => return line.refuse::<P>(HELP.name, what),
    };
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!(
                "the system refused what it takes to look: {error}"
            ));
            return Exit::System;
        }
    };
    let findings = runtime.block_on(examine::<P>(line));
    // A name or a disk that does not answer is left alone.
    runtime.shutdown_background();
    let name = format!("footlight-{}", P::NAME);
    let report = Report::new((name, P::VERSION), gather::host_name(), findings);
    let _told = match json {
        true => tell(&format!("{:#}\n", report.json())),
        false => tell(&drawn(&report)),
    };
    report.exit()
}

fn parse(line: &CommandLine) -> Result<bool, String> {
    let mut json = false;
    let mut parser = Parser::from_args(&line.arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        if argument != Arg::Long("json") {
            return Err(argument.unexpected().to_string());
        }
        json = true;
    }
    Ok(json)
}

fn drawn(report: &Report) -> String {
    let columns = terminal::size().map(|(columns, _)| columns);
    let paper = Paper {
        width: columns.filter(|_| io::stdout().is_terminal()),
        colour: may_colour(),
    };
    let lines = report.lines(paper);
    lines.iter().map(|line| line.write(paper) + "\n").collect()
}

/// The files and the environment of this process; credentials are those of the daemon's unit.
struct Beside {
    daemon: String,
}

impl Sources for Beside {
    fn file(&self, path: &Path) -> io::Result<String> {
        Process.file(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        let own = Process.variable(name);
        own.or_else(|| {
            (name == "CREDENTIALS_DIRECTORY")
                .then(|| format!("/run/credentials/{}.service", self.daemon))
        })
    }
}

async fn examine<P: Patient>(line: &CommandLine) -> Vec<Finding> {
    let daemon = format!("footlight-{}", P::NAME);
    let sources = Beside {
        daemon: daemon.clone(),
    };
    let file = line.config.display().to_string();
    let mut findings = Vec::new();
    if !gather::is_root() {
        let sentence = format!(
            "some things cannot be seen, such as whose a port is or what lies in the daemon's directory: sudo {daemon} doctor sees all"
        );
        findings.push(Finding::not_applicable(
            Area::Configuration,
            "without root",
            sentence,
        ));
    }
    let (plan, config, at) = match config::read(&line.config, &sources, P::resolve) {
        Ok((raw, config)) => {
            findings.push(Finding::ok(Area::Configuration, file, "it is good"));
            let at = reached(&P::settings(&config).admin);
            (P::plan(&raw, &config), Some(config), at)
        }
        Err(error) => {
            let root = gather::is_root();
            let told = error.problems.iter();
            findings.extend(told.map(|problem| refused(&daemon, &file, problem, root)));
            (Plan::default(), None, None)
        }
    };
    let at = at.or_else(|| reached(&AdminSection::on_port(P::ADMIN_PORT)));
    let common = common(&daemon, P::VERSION, plan, at);
    let visit = async {
        match config {
            Some(config) => P::visit(config).await,
            None => Vec::new(),
        }
    };
    match timeout(ALL, join(common, visit)).await {
        Ok(found) => findings.extend(found),
        Err(_) => findings.push(Finding::failure(
            Area::System,
            "",
            format!(
                "this box does not tell how it is within {} s",
                ALL.as_secs()
            ),
            "sudo dmesg | tail; a disk or a network directory may hang",
        )),
    }
    findings
}

async fn join(
    one: impl Future<Output = Vec<Finding>>,
    other: impl Future<Output = Vec<Finding>>,
) -> Vec<Finding> {
    let (mut one, other) = tokio::join!(one, other);
    one.extend(other);
    one
}

fn refused(daemon: &str, file: &str, problem: &Problem, root: bool) -> Finding {
    let line = problem
        .line
        .map_or_else(String::new, |line| format!(":{line}"));
    let key = match problem.key.as_str() {
        "" => String::new(),
        key => format!("{key}: "),
    };
    let subject = format!("{file}{line}");
    let sentence = format!("{key}{}", problem.what);
    if !root && sentence.contains("Permission denied") {
        let remedy = format!("sudo {daemon} doctor");
        return Finding::warning(Area::Configuration, subject, sentence, remedy);
    }
    let remedy = format!("correct the file; then: sudo {daemon} --config {file} --check");
    Finding::failure(Area::Configuration, subject, sentence, remedy)
}

/// What is looked at for every daemon; `at` is where it answers.
async fn common(daemon: &str, version: &str, plan: Plan, at: Option<SocketAddr>) -> Vec<Finding> {
    let told = async {
        match at {
            Some(at) => Some((at, ask(at).await)),
            None => None,
        }
    };
    let (unit, told, names) = tokio::join!(gather::unit(daemon), told, names(&plan.names));
    let mut findings = service(daemon, version, &unit, told.as_ref());
    let told = told.and_then(|(_, told)| told.ok());
    let told = told.filter(|told| told.is_of(daemon));
    findings.extend(names);
    findings.extend(ports(daemon, &plan, told.as_ref()));
    findings.extend(plan.secrets.iter().filter_map(|path| {
        let owned = gather::owned(path)?;
        Some(secret_file::judge(path, &owned, unit.is_there()))
    }));
    let now = gather::unix_millis() / 1000;
    for (presented, shown) in &plan.certificates {
        findings.extend(certificate::judge(presented, shown, now));
    }
    findings.push(clock::judge(gather::clock()));
    if plan.has_crowds {
        findings.extend(system::judge_backlog(gather::sysctl("net.core.somaxconn")));
        findings.extend(system::judge_send_buffer(gather::sysctl(
            "net.ipv4.tcp_wmem",
        )));
    }
    if unit.is_there() {
        let allowed = unit.descriptors();
        findings.extend(system::judge_descriptors(daemon, allowed, plan.descriptors));
    }
    findings.extend(directories(daemon, plan.directories, unit).await);
    findings
}

async fn ask(at: SocketAddr) -> Result<Told, String> {
    within(async {
        let body = admin::ask(at, "/status").await;
        let body = body.map_err(|error| error.to_string())?;
        Told::read(&body).map_err(|error| format!("{at} says what is not understood: {error}"))
    })
    .await
}

fn service(
    daemon: &str,
    version: &str,
    unit: &Unit,
    told: Option<&(SocketAddr, Result<Told, String>)>,
) -> Vec<Finding> {
    let replaced = unit.process().is_some_and(gather::is_replaced);
    let mut findings = service::judge(daemon, unit, replaced);
    if let Some((at, told)) = told.filter(|(_, told)| told.is_ok() || unit.should_answer()) {
        findings.extend(answer::judge(daemon, version, *at, told));
    }
    findings
}

fn ports(daemon: &str, plan: &Plan, told: Option<&Told>) -> Vec<Finding> {
    let all = sockets::all();
    let addresses = |(section, listen): &(&'static str, config::Listen)| {
        let section = *section;
        let all = listen.addresses().to_vec();
        all.into_iter().map(move |address| (section, address))
    };
    let wanted: Vec<(&str, SocketAddr)> = plan.listeners.iter().flat_map(addresses).collect();
    let inodes = |address: SocketAddr| {
        let there = all.iter().filter(move |one| collide(one.address, address));
        there.map(|one| one.inode)
    };
    let every: BTreeSet<u64> = wanted
        .iter()
        .flat_map(|(_, address)| inodes(*address))
        .collect();
    let holders = sockets::holders(&every);
    let judged = wanted.iter().map(|(section, address)| {
        let holders = inodes(*address).filter_map(|inode| holders.get(&inode));
        let holders: Vec<_> = holders.flatten().cloned().collect();
        let place = Place {
            section,
            address: *address,
            taken: inodes(*address).next().is_some(),
            holders: &holders,
        };
        port::judge(daemon, &place, told)
    });
    judged.collect()
}

async fn names(names: &[String]) -> Vec<Finding> {
    let own = gather::own_addresses();
    let mut lookups = JoinSet::new();
    for name in names.iter().cloned() {
        lookups.spawn(async move { (lookup(&name).await, name) });
    }
    let found = lookups.join_all().await;
    let judged = found
        .iter()
        .map(|(found, name)| name::judge(name, found, &own));
    judged.collect()
}

async fn directories(daemon: &str, places: Vec<Directory>, unit: Unit) -> Vec<Finding> {
    let look = spawn_blocking({
        let daemon = daemon.to_owned();
        move || {
            let look = |place: &Directory| {
                let room = gather::room(&place.path)?;
                let access = access(&place.path, &unit);
                Some(directory::judge(&daemon, place, room, access))
            };
            places.iter().filter_map(look).collect::<Vec<_>>()
        }
    });
    let found = within(async { look.await.map_err(|error| error.to_string()) }).await;
    found.unwrap_or_else(|why| {
        vec![Finding::failure(
            Area::Disk,
            "",
            why,
            "sudo dmesg | tail; is a network directory mounted that is gone?",
        )]
    })
}

fn access(path: &Path, unit: &Unit) -> Access {
    if unit.is_there() {
        match unit.may_write(path) {
            true => Access::Presumed,
            false => Access::Sandboxed,
        }
    } else if gather::is_refused(path) {
        Access::Refused
    } else {
        Access::Presumed
    }
}
