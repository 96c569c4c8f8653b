//! What an exam's verdicts hold for: this machine with what is installed on it, and the operator's terms.
//!
//! Whatever an encoder's conduct may hang on is told apart: our own program, the kernel and its drivers, the devices and
//! who may open them, GStreamer and its plugins, the encoders' libraries, the processors, the environment. Files are told
//! by name, size and time, not read. What cannot be looked at is a doubt, and then there is no answer.

use std::{
    fs,
    io::{self, Error},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
};

use live::InitHash;

use super::{Terms, device};
use crate::worker::EncoderKind;

/// Whose build it is, and which processors there are: read where they exist.
const TOLD_BY_KERNEL: [&str; 3] = [
    "/sys/kernel/notes",
    "/sys/devices/system/cpu/modalias",
    "/sys/devices/system/cpu/online",
];
/// Kernel modules of GPUs; each says which it is in these two files, where it is loaded.
const MODULES: [&str; 5] = ["nvidia", "i915", "xe", "amdgpu", "radeon"];
const MODULE_FILES: [&str; 2] = ["version", "srcversion"];
/// Devices of GPUs.
const DEVICES: &str = "/sys/class/drm";
/// Libraries beside GStreamer's that encode, decode or drive.
const LIBRARIES: [&str; 8] = [
    "libgst",
    "libx264",
    "libopenh264",
    "libav",
    "libva",
    "libcuda",
    "libnv",
    "libigd",
];
/// Directories beside GStreamer's library: its plugins, and the VA drivers.
const BESIDE: [&str; 2] = ["gstreamer-1.0", "dri"];
/// Variables that change what is loaded.
const VARIABLES: [&str; 5] = ["GST_", "LIBVA_", "CUDA_", "NVIDIA_", "LD_"];
/// Most that is read of one file.
const MOST: usize = 64 << 10;

/// A name for all of it. The same name is the same machine.
pub(super) fn name(terms: &Terms) -> io::Result<String> {
    let mut told = format!(
        "{} {:?} {:?} {} {:?}\n",
        env!("CARGO_PKG_VERSION"),
        terms.order,
        terms.preset,
        terms.shows,
        terms.ladder
    );
    told += &format!("{:?}\n", thread::available_parallelism()?);
    for kind in EncoderKind::ALL {
        told += &format!("{:?}\n", device::missing(kind));
    }
    file(&mut told, Path::new("/proc/self/exe"))?;
    for path in TOLD_BY_KERNEL {
        text(&mut told, Path::new(path));
    }
    for module in MODULES {
        for of_it in MODULE_FILES {
            text(
                &mut told,
                &Path::new("/sys/module").join(module).join(of_it),
            );
        }
    }
    devices(&mut told);
    let libraries = libraries()?;
    listing(&mut told, &libraries, |name| {
        LIBRARIES.iter().any(|library| name.starts_with(library))
    })?;
    for beside in BESIDE {
        let directory = libraries.join(beside);
        if directory.is_dir() {
            listing(&mut told, &directory, |_| true)?;
        }
    }
    for variable in fs::read("/proc/self/environ")?.split(|byte| *byte == 0) {
        if VARIABLES.iter().any(|v| variable.starts_with(v.as_bytes())) {
            told += &format!("{}\n", String::from_utf8_lossy(variable));
        }
    }
    Ok(InitHash::of(told.as_bytes()).to_string())
}

/// Where GStreamer's library is: beside one that this program has loaded.
fn libraries() -> io::Result<PathBuf> {
    const GSTREAMER: &str = "libgstreamer-1.0.so.0";
    let maps = fs::read_to_string("/proc/self/maps")?;
    let mut loaded: Vec<&Path> = maps
        .lines()
        .filter_map(|line| line.find('/').and_then(|at| line.get(at..)))
        .filter_map(|path| Path::new(path).parent())
        .collect();
    loaded.dedup();
    loaded
        .into_iter()
        .find(|directory| directory.join(GSTREAMER).exists())
        .map(Path::to_owned)
        .ok_or_else(|| Error::other("GStreamer's library is nowhere beside the others"))
}

fn devices(told: &mut String) {
    let Ok(entries) = fs::read_dir(DEVICES) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        *told += &format!("{}\n", path.display());
        let device = path.join("device");
        for of_it in ["vendor", "device", "revision"] {
            text(told, &device.join(of_it));
        }
        *told += &format!("{:?}\n", fs::read_link(device.join("driver")).ok());
    }
}

/// What is in a file of the kernel's, or that it is not there.
fn text(told: &mut String, path: &Path) {
    let read = fs::read(path).map(|mut read| {
        read.truncate(MOST);
        InitHash::of(&read)
    });
    *told += &format!("{} {:?}\n", path.display(), read.ok());
}

/// A file from outside.
fn file(told: &mut String, path: &Path) -> io::Result<()> {
    let about = fs::metadata(path)?;
    let (size, time, ns) = (about.size(), about.mtime(), about.mtime_nsec());
    *told += &format!("{} {size} {time} {ns}\n", path.display());
    Ok(())
}

/// The files of a directory whose names are `wanted`, from outside.
fn listing(told: &mut String, directory: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if wanted(&entry.file_name().to_string_lossy()) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    // A link that leads nowhere is as good as none.
    paths
        .iter()
        .filter(|path| path.exists())
        .try_for_each(|path| file(told, path))
}
