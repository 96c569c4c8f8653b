//! A daemon's life once its configuration is good: runtime, bind, spawn, READY, wait, drain, exit.

use std::{panic, time::Duration};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{error, info, warn};

use super::{
    Chassis, Daemon, Exit, Inherited, Notify, Options, StartError, Telemetry, admin,
    config::Settings, event, read, refuse,
};

/// How long tasks may take to notice that the runtime ends, after the drain.
const RUNTIME_END: Duration = Duration::from_millis(500);

pub(super) fn process<D: Daemon>(
    config: D::Config,
    options: &Options,
    telemetry: &Telemetry,
) -> Exit {
    log_panics();
    raise_descriptor_limit();
    let ready = Inherited::from_systemd().and_then(|inherited| {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        Ok((inherited, runtime))
    });
    let (inherited, runtime): (Inherited, Runtime) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            error!(
                message_id = event::STARTUP_FAILED,
                "the system refused what it takes to start: {error}"
            );
            return Exit::System;
        }
    };
    let chassis = {
        let _inside = runtime.enter();
        Chassis::with(D::NAME, D::VERSION, Notify::systemd(), inherited)
    };
    let (exit, leaving) = runtime.block_on(live::<D>(config, &chassis, options, telemetry));
    match leaving {
        // Nothing may be dropped: the successor carries it on.
        Leaving::ToSuccessor => std::mem::forget(runtime),
        Leaving::ForGood => runtime.shutdown_timeout(RUNTIME_END),
    }
    info!("stopped");
    exit
}

/// What becomes of what the daemon was doing.
#[derive(Clone, Copy)]
enum Leaving {
    /// It is over.
    ForGood,
    /// Another process carries it on.
    ToSuccessor,
}

async fn live<D: Daemon>(
    config: D::Config,
    chassis: &Chassis,
    options: &Options,
    telemetry: &Telemetry,
) -> (Exit, Leaving) {
    let settings = D::settings(&config).clone();
    let signals = Signals::catch().and_then(|stop| Ok((stop, signal(SignalKind::hangup())?)));
    let started = match signals {
        Ok(signals) => start::<D>(config, chassis)
            .await
            .map(|daemon| (daemon, signals)),
        Err(error) => Err(StartError::System(format!(
            "no signal can be caught: {error}"
        ))),
    };
    let (mut daemon, mut signals) = match started {
        Ok(started) => started,
        Err(error) => {
            error!(message_id = event::STARTUP_FAILED, "{error}");
            chassis.notify().status(&error.to_string());
            return (error.exit(), Leaving::ForGood);
        }
    };
    feed_watchdog(chassis);
    chassis.notify().ready("running");
    info!("ready");
    let reading = Reading {
        options,
        telemetry,
        settings: &settings,
    };
    let exit = wait(&mut daemon, chassis, &mut signals, &reading).await;
    if daemon.hands_over() {
        info!("leaving everything as it is to the next process");
        chassis.notify().stopping("handing over");
        return (exit, Leaving::ToSuccessor);
    }
    tokio::select! {
        () = drain(&mut daemon, chassis, settings.drain) => {}
        () = signals.0.stop() => warn!("asked a second time to stop: stopping at once"),
    }
    (exit, Leaving::ForGood)
}

async fn start<D: Daemon>(config: D::Config, chassis: &Chassis) -> Result<D, StartError> {
    let admin = D::settings(&config).admin.clone();
    let listeners = chassis.bind("admin", admin.listen.addresses())?;
    let daemon = D::start(config, chassis).await?;
    admin::serve(chassis, listeners, &admin.names);
    chassis.let_go_of_the_rest();
    Ok(daemon)
}

/// Until somebody asks the daemon to stop, or an essential task ends.
async fn wait<D: Daemon>(
    daemon: &mut D,
    chassis: &Chassis,
    (signals, hangup): &mut (Signals, Signal),
    reading: &Reading<'_>,
) -> Exit {
    loop {
        tokio::select! {
            () = signals.stop() => return Exit::Ok,
            () = chassis.shutdown().triggered() => return Exit::Ok,
            name = chassis.tasks().essential_ended() => {
                error!(message_id = event::ESSENTIAL_TASK_ENDED, task = %name, "a task that must not end has ended");
                return Exit::Software;
            }
            _ = hangup.recv() => {
                chassis.notify().reloading();
                let status = reading.again(daemon).await;
                chassis.notify().ready(&status);
            }
        }
    }
}

/// What it takes to read the configuration again.
struct Reading<'a> {
    options: &'a Options,
    telemetry: &'a Telemetry,
    /// What the chassis was started with.
    settings: &'a Settings,
}

impl Reading<'_> {
    /// Whatever is wrong with it, the daemon goes on with what it had.
    async fn again<D: Daemon>(&self, daemon: &mut D) -> String {
        let config = match read::<D>(self.options) {
            Ok((_raw, config)) => config,
            Err(error) => {
                refuse(&error);
                return "running; the new configuration was refused".to_owned();
            }
        };
        let settings = D::settings(&config);
        let level = self.options.log_level.unwrap_or(settings.level);
        self.telemetry.set(level);
        let ours = self.settings.changed_for_good(settings);
        let mut refused = Vec::new();
        if !ours.is_empty() {
            let sections = ours.join(" and ");
            refused.push(format!(
                "a change of {sections} takes effect at the next restart"
            ));
        }
        refused.extend(daemon.reload(config).await.err());
        if refused.is_empty() {
            info!("the configuration was read again");
            return "running".to_owned();
        }
        for error in refused {
            error!(message_id = event::CONFIGURATION_REFUSED, "{error}");
        }
        "running; the new configuration was refused".to_owned()
    }
}

async fn drain<D: Daemon>(daemon: &mut D, chassis: &Chassis, deadline: Duration) {
    info!(?deadline, "stopping: what is under way may end");
    chassis.shutdown().trigger();
    chassis.notify().stopping("draining");
    let all = async {
        daemon.stop().await;
        chassis.tasks().empty().await;
    };
    if timeout(deadline, all).await.is_err() {
        let tasks = chassis.tasks().names().join(", ");
        warn!(message_id = event::DRAIN_DEADLINE_EXCEEDED, ?deadline, %tasks, "cut off at the deadline");
    }
}

/// WATCHDOG=1 from the runtime that serves: when its workers are stuck, systemd hears nothing and starts it anew.
fn feed_watchdog(chassis: &Chassis) {
    let notify = chassis.notify();
    if let Some(every) = notify.watchdog_interval() {
        // Not a task that a drain waits for: it lives as long as the runtime.
        tokio::spawn(async move {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                notify.watchdog();
            }
        });
    }
}

/// As many descriptors as we may have: a shell's soft limit of 1024 is there for programs that use select(2).
fn raise_descriptor_limit() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    if soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        warn!(%error, "the limit of open descriptors cannot be raised");
    }
}

/// A panic is a log entry, with the fields of the span it happened in.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let at = info.location().map(ToString::to_string).unwrap_or_default();
        let what = info.payload_as_str().unwrap_or("no text");
        error!(message_id = event::PANIC, %at, "a task panicked, which is a bug: {what}");
    }));
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next SIGTERM or SIGINT.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
