//! The devices that encoders in hardware need, and what to do when one is not there.
//!
//! Looked at before a process is started: drivers that find no device say so in many ways, and none of them helps.

use std::{fs::OpenOptions, io, path::Path};

use crate::worker::EncoderKind;

/// The first GPU's node for those who only compute.
const VA: &str = "/dev/dri/renderD128";
/// Of NVIDIA's kernel module.
const NVIDIA: &str = "/dev/nvidiactl";

/// Why an encoder of this kind has no device; `None` when it has, or needs none.
pub(super) fn missing(kind: EncoderKind) -> Option<String> {
    let path = match kind {
        EncoderKind::Nvenc => NVIDIA,
        EncoderKind::Vaapi => VA,
        EncoderKind::X264 | EncoderKind::OpenH264 => return None,
    };
    let open = OpenOptions::new()
        .read(true)
        .write(true)
        .open(Path::new(path));
    open.err().map(|error| words(kind, path, &error))
}

fn words(kind: EncoderKind, path: &str, error: &io::Error) -> String {
    let (device, install) = if kind == EncoderKind::Nvenc {
        ("NVIDIA device", "NVIDIA's driver")
    } else {
        (
            "VA device",
            "its kernel driver and intel-media-va-driver or mesa-va-drivers",
        )
    };
    if error.kind() == io::ErrorKind::NotFound {
        format!("no {device}: {path} is not there; if there is a GPU, install {install}")
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        format!(
            "no {device}: {path} may not be opened; add this user to the group that owns it (render or video)"
        )
    } else {
        format!("no {device}: {path}: {error}")
    }
}

/// What a worker said of an element that GStreamer does not have, as advice.
pub(super) fn explain(kind: EncoderKind, reason: String) -> String {
    if !reason.contains("no element") {
        return reason;
    }
    let advice = match kind {
        EncoderKind::Nvenc => {
            "install gstreamer1.0-plugins-bad and libnvidia-encode1; a GPU without NVENC has none"
        }
        EncoderKind::Vaapi => {
            "install gstreamer1.0-plugins-bad and a VA driver (vainfo must list VAEntrypointEncSlice or EncSliceLP for H264)"
        }
        EncoderKind::X264 => "install gstreamer1.0-plugins-ugly",
        EncoderKind::OpenH264 => "install gstreamer1.0-plugins-bad with libopenh264",
    };
    format!("{reason}; {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_device_is_told_with_what_to_do() {
        let words = |kind, error: io::ErrorKind| words(kind, VA, &error.into());
        assert_eq!(
            words(EncoderKind::Vaapi, io::ErrorKind::NotFound),
            "no VA device: /dev/dri/renderD128 is not there; if there is a GPU, install its kernel driver \
             and intel-media-va-driver or mesa-va-drivers"
        );
        let denied = words(EncoderKind::Vaapi, io::ErrorKind::PermissionDenied);
        assert!(denied.contains("add this user to the group"), "{denied}");
    }

    #[test]
    fn a_missing_element_is_told_with_what_to_install() {
        let explained = explain(EncoderKind::X264, "no element \"x264enc\"".to_owned());
        assert_eq!(
            explained,
            "no element \"x264enc\"; install gstreamer1.0-plugins-ugly"
        );
        assert_eq!(explain(EncoderKind::X264, "other".to_owned()), "other");
    }
}
