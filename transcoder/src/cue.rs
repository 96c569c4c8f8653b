//! [pure] What a publisher says in data messages beside the media, as date ranges.
//!
//! `onTextData` is so until the next one, `onCuePoint` is a moment. Each text and number of the message becomes an
//! attribute: `text` X-TEXT, `parameters.speaker` X-SPEAKER. What does not fit is left out. The identifier is made from
//! what is said and when, so that two transcoders tell the same.

use live::{
    InitHash, MediaTime,
    playlist::{DateRange, Extent, ProgramDateTime, Seconds, Text},
};
use rtmp::amf0::Value;

/// Most attributes of one cue.
const MAX_ATTRIBUTES: usize = 8;
/// Most characters of each.
const MAX_CHARACTERS: usize = 256;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    class: &'static str,
    extent: Extent,
    attributes: Vec<(String, Text)>,
}

impl Cue {
    /// From a message of that name; none when it says nothing.
    pub fn read(name: &str, values: &[Value]) -> Option<Self> {
        let (class, extent) = match name {
            "onTextData" => ("org.footlight.text", Extent::UntilNext),
            "onCuePoint" => ("org.footlight.cue", Extent::Lasts(Seconds::default())),
            _ => return None,
        };
        let mut attributes = Vec::new();
        let object = values.iter().find_map(Value::properties);
        collect(object.unwrap_or_default(), &mut attributes);
        (!attributes.is_empty()).then_some(Self {
            class,
            extent,
            attributes,
        })
    }

    /// The date range that starts then.
    pub fn at(self, time: MediaTime) -> Option<DateRange> {
        let start = ProgramDateTime::from_media_time(time);
        let said = format!("{} {start} {:?}", self.class, self.attributes);
        let id = InitHash::of(said.as_bytes()).to_string().parse().ok()?;
        let class = self.class.parse().ok();
        let range = DateRange::new(id, class, start, self.extent, None).ok()?;
        let with = |range: DateRange, (name, text): (String, Text)| {
            range.clone().with(&name, text).unwrap_or(range)
        };
        Some(self.attributes.into_iter().fold(range, with))
    }
}

/// Texts and numbers of an object, and of the one within it that is named `parameters`.
fn collect(object: &[(String, Value)], attributes: &mut Vec<(String, Text)>) {
    for (name, value) in object {
        let number = value.as_number().filter(|number| number.is_finite());
        let text = value.as_str().map(str::to_owned);
        let text = text.or_else(|| number.map(|number| number.to_string()));
        let text = Text::shown(&text.unwrap_or_default(), MAX_CHARACTERS);
        if !text.as_str().is_empty() && attributes.len() < MAX_ATTRIBUTES {
            let letter = |c: char| match c.to_ascii_uppercase() {
                c @ ('A'..='Z' | '0'..='9') => c,
                _ => '-',
            };
            let name: String = name.chars().take(32).map(letter).collect();
            attributes.push((format!("X-{name}"), text));
        }
    }
    let parameters = object.iter().find(|(name, _)| name == "parameters");
    if let Some(inner) = parameters.and_then(|(_, value)| value.properties())
        && !inner.iter().any(|(name, _)| name == "parameters")
    {
        collect(inner, attributes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cue_point_is_a_moment_with_all_that_it_says() {
        let parameters = Value::object([("speaker", "A \"B\"".into()), ("", "none".into())]);
        let value = Value::object([
            ("name", "intro".into()),
            ("time", 1.5.into()),
            ("parameters", parameters),
            ("flag", Value::Boolean(true)),
        ]);
        let cue = Cue::read("onCuePoint", &["onCuePoint".into(), value]).unwrap();
        let range = cue
            .clone()
            .at(MediaTime::from_millis(1_795_000_000_000))
            .unwrap();
        let told: Vec<_> = range
            .client()
            .map(|(name, text)| (name, text.as_str()))
            .collect();
        let speaker = "A \u{201d}B\u{201d}";
        assert_eq!(
            told,
            [
                ("X-NAME", "intro"),
                ("X-TIME", "1.5"),
                ("X-SPEAKER", speaker)
            ]
        );
        assert_eq!(range.extent(), Extent::Lasts(Seconds::default()));
        let later = cue.at(MediaTime::from_millis(1_795_000_000_001)).unwrap();
        assert_ne!(later.id(), range.id());
        assert_eq!(Cue::read("onTextData", &["onTextData".into()]), None);
    }
}
