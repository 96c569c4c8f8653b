//! [pure] Whether the hardware is there that the configuration wants to encode with.

use live::doctor::{Area, Finding};

use crate::worker::EncoderKind;

/// What renders.
#[derive(Debug, Clone)]
pub(super) struct Card {
    /// `/dev/dri/renderD128`
    pub(super) path: String,
    /// Whose it is.
    pub(super) group: String,
    /// Permission bits.
    pub(super) mode: u32,
}

/// What there is on this box.
#[derive(Debug, Clone, Default)]
pub(super) struct Graphics {
    pub(super) cards: Vec<Card>,
    /// NVIDIA's driver runs.
    pub(super) nvidia: bool,
    /// Its libraries that encode are installed.
    pub(super) nvidia_encodes: bool,
}

/// `order`: what the configuration asks for, best first.
pub(super) fn judge(order: &[EncoderKind], seen: &Graphics) -> Vec<Finding> {
    let mut findings: Vec<Finding> = seen.cards.iter().filter_map(of_card).collect();
    let wants = |kind| order.contains(&kind);
    if seen.nvidia && !seen.nvidia_encodes && wants(EncoderKind::Nvenc) {
        findings.push(Finding::warning(
            Area::Graphics,
            "nvenc",
            "there is a card of NVIDIA's, but not the libraries that it encodes with",
            "sudo apt-get install libnvidia-encode1 libcuda1 (from non-free); then: sudo systemctl restart footlight-transcoder",
        ));
    }
    let usable = |kind: EncoderKind| match kind {
        EncoderKind::Nvenc => seen.nvidia && seen.nvidia_encodes,
        EncoderKind::Vaapi => !seen.cards.is_empty(),
        EncoderKind::X264 | EncoderKind::OpenH264 => true,
    };
    let hardware = |kind: &&EncoderKind| matches!(kind, EncoderKind::Nvenc | EncoderKind::Vaapi);
    let wanted: Vec<EncoderKind> = order.iter().filter(hardware).copied().collect();
    let named = |kinds: &[EncoderKind]| kinds.iter().map(name).collect::<Vec<_>>().join(" and ");
    let there: Vec<EncoderKind> = wanted
        .iter()
        .copied()
        .filter(|kind| usable(*kind))
        .collect();
    findings.push(if wanted.is_empty() {
        let sentence = "[encoder] order asks for no hardware: rungs are encoded in software";
        Finding::not_applicable(Area::Graphics, "", sentence)
    } else if !there.is_empty() {
        let sentence = format!("there is what {} needs; whether it encodes: sudo footlight-transcoder probe", named(&there));
        Finding::ok(Area::Graphics, "", sentence)
    } else if order == EncoderKind::ALL {
        let sentence = "there is no encoder in hardware: x264 makes the rungs; how much it can: sudo footlight-transcoder probe";
        Finding::not_applicable(Area::Graphics, "", sentence)
    } else {
        let sentence = format!(
            "[encoder] order asks for {}, and there is no such hardware that can be used: rungs are encoded in software",
            named(&wanted)
        );
        let remedy = "is the card in the box, its driver and firmware installed? ls /dev/dri; sudo dmesg | grep -i -e drm -e firmware -e nvidia. Or take it out of [encoder] order";
        match order.iter().all(|kind| hardware(&kind)) {
            true => Finding::failure(Area::Graphics, "", sentence, remedy),
            false => Finding::warning(Area::Graphics, "", sentence, remedy),
        }
    });
    findings
}

const fn name(kind: &EncoderKind) -> &'static str {
    match kind {
        EncoderKind::Nvenc => "nvenc",
        EncoderKind::Vaapi => "vaapi",
        EncoderKind::X264 => "x264",
        EncoderKind::OpenH264 => "openh264",
    }
}

/// The unit is in the group `render`.
fn of_card(card: &Card) -> Option<Finding> {
    const GROUP: &str = "render";
    let open = card.mode & 0o006 == 0o006;
    let ours = card.group == GROUP && card.mode & 0o060 == 0o060;
    let path = &card.path;
    (!open && !ours).then(|| {
        Finding::failure(
            Area::Graphics,
            path,
            format!("the daemon may not use it: it belongs to the group {} (mode {:04o})", card.group, card.mode & 0o777),
            format!("sudo chgrp render {path}; sudo chmod 0660 {path}; for good: a rule of udev, SUBSYSTEM==\"drm\", KERNEL==\"renderD*\", GROUP=\"render\", MODE=\"0660\""),
        )
    })
}

#[cfg(test)]
mod tests {
    use live::doctor::Verdict::{Failure, NotApplicable, Ok, Warning};

    use super::*;
    use EncoderKind::{Nvenc, Vaapi, X264};

    fn with_card(group: &str, mode: u32) -> Graphics {
        Graphics {
            cards: vec![Card {
                path: "/dev/dri/renderD128".into(),
                group: group.into(),
                mode,
            }],
            ..Graphics::default()
        }
    }

    #[test]
    fn what_is_asked_for_is_there_or_it_is_said_what_encodes_instead() {
        let none = Graphics::default();
        let intel = with_card("render", 0o660);
        for (order, seen, verdict) in [
            (&EncoderKind::ALL[..], &none, NotApplicable),
            (&EncoderKind::ALL, &intel, Ok),
            (&[X264], &none, NotApplicable),
            (&[Vaapi, X264], &none, Warning),
            (&[Vaapi], &none, Failure),
            (&[Nvenc, X264], &intel, Warning),
        ] {
            let found = judge(order, seen);
            assert_eq!(
                found.last().unwrap().verdict,
                verdict,
                "{order:?} {found:?}"
            );
        }
    }

    #[test]
    fn a_card_that_the_daemon_may_not_use_and_missing_libraries_are_told() {
        let found = judge(&EncoderKind::ALL, &with_card("video", 0o660));
        let told = found.first().unwrap();
        assert_eq!(told.verdict, Failure);
        assert!(told.remedy.as_ref().unwrap().contains("chgrp render"));
        let half = Graphics {
            nvidia: true,
            ..Graphics::default()
        };
        let found = judge(&EncoderKind::ALL, &half);
        assert!(
            found
                .first()
                .unwrap()
                .remedy
                .as_ref()
                .unwrap()
                .contains("libnvidia-encode1")
        );
    }
}
