//! [pure] What a window lets go of, and when: from its playlist by time, from memory once it is on disk, and altogether
//! when nobody can ask for it any more (RFC 8216bis §6.2.2).

use live::{Msn, playlist::Seconds};

use super::Window;

impl Window {
    /// Parts are listed this many target durations from the end (RFC 8216bis §6.2.2 allows no fewer than three).
    const PARTS_LISTED: u64 = 3;
    /// Parts stay for three target durations more (§6.2.2), and one for the segment that is just being listed.
    const PARTS_KEPT: u64 = Self::PARTS_LISTED + 4;
    /// The newest segments stay in memory, even if they are on disk: everybody wants those.
    const IN_MEMORY: usize = 6;
    /// A live playlist is never shorter than this many target durations (§6.2.2).
    const SHORTEST: u64 = 3;
    /// And never of fewer segments than this (Apple's authoring specification, 8.11).
    pub(super) const FEWEST: usize = 6;
    /// Most segments that are listed: twelve hours of one second, the shortest that mux makes, and some.
    const MOST: usize = 50_000;

    fn target(&self) -> Seconds {
        Seconds::from_secs(self.limits.target_duration.into())
    }

    pub(super) fn shortest(&self) -> Seconds {
        self.target().times(Self::SHORTEST)
    }

    /// The newest segment has just closed: lets go of the oldest.
    pub(super) fn slide(&mut self) {
        let length = Seconds::from_millis(self.limits.length_ms).max(self.shortest());
        while self.playlist.segments.len() > Self::MOST || self.can_unlist(length) {
            self.unlist();
        }
        self.objects.expire(self.start);
        self.slide_ranges();
        self.settle();
        self.objects.release(self.in_memory);
        self.touch();
    }

    /// Old parts leave the playlist; what is newer than the last of them stays in memory.
    fn settle(&mut self) {
        let listed = self.target().times(Self::PARTS_LISTED);
        let kept = self.target().times(Self::PARTS_KEPT);
        let mut behind = Seconds::default();
        self.in_memory = 0;
        for segment in self.playlist.segments.iter_mut().rev() {
            if behind > kept && self.in_memory >= Self::IN_MEMORY && segment.parts.is_empty() {
                break;
            }
            if behind > listed {
                segment.parts.clear();
            }
            self.in_memory += 1;
            behind = behind.plus(segment.duration);
        }
        // The open one.
        self.in_memory += 1;
    }

    /// Whether the playlist without its oldest segment is at least so long.
    fn can_unlist(&self, least: Seconds) -> bool {
        let oldest = self.playlist.segments.front();
        let rest = self.playlist.segments.len().saturating_sub(1);
        rest >= Self::FEWEST
            && oldest.is_some_and(|segment| self.listed.minus(segment.duration) >= least)
    }

    /// Takes the oldest segment out of the playlist. It stays for its own duration and that of the longest playlist
    /// that held it (RFC 8216bis §6.2.2).
    fn unlist(&mut self) {
        let Some(segment) = self.playlist.segments.pop_front() else {
            return;
        };
        self.longest = self.longest.max(self.listed);
        self.listed = self.listed.minus(segment.duration);
        let msn = self.playlist.media_sequence;
        self.playlist.media_sequence = msn.next();
        if segment.head.discontinuity {
            self.playlist.discontinuity_sequence = self.playlist.discontinuity_sequence.next();
        }
        // The newest one's own duration is not over yet where it was given for the others.
        let stays = self.longest.plus(segment.duration).plus(self.target());
        self.objects
            .retire(msn, self.start.plus_millis(stays.millis()));
    }

    /// The segment is on disk.
    pub fn saved(&mut self, msn: Msn) {
        self.objects.saved(msn);
        self.objects.release(self.in_memory);
    }

    /// Gives up the oldest segment in memory for want of it: one that is on disk stays there, one that is not is gone,
    /// and if it was listed the playlist begins after it. `false` when nothing can be given up.
    pub fn evict(&mut self) -> bool {
        let Some(oldest) = self.objects.oldest_in_memory() else {
            return false;
        };
        if oldest.newer > Self::IN_MEMORY && self.objects.release(oldest.newer) {
            return true;
        }
        if oldest.retired {
            self.objects.lose(oldest.msn);
            return true;
        }
        if oldest.saved || !self.can_begin_after(oldest.msn) {
            return false;
        }
        while self.playlist.media_sequence <= oldest.msn {
            self.unlist();
        }
        self.objects.lose(oldest.msn);
        self.touch();
        true
    }

    fn can_begin_after(&self, msn: Msn) -> bool {
        let mut rest = Seconds::default();
        for (count, (later, segment)) in (1..).zip(self.playlist.numbered().rev()) {
            if later <= msn {
                break;
            }
            rest = rest.plus(segment.duration);
            if count >= Self::FEWEST && rest >= self.shortest() {
                return true;
            }
        }
        false
    }
}
