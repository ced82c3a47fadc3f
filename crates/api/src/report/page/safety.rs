//! The safety notes of the report, right under its title: whom to call, and why today.

use mainstay_domain::{
    insight::warning::WarningSafetyNote,
    reference::helpline::{Helpline, HelplineChannel, HelplineChannelKind, HelplineTopic},
};
use maud::{Markup, html};

/// Renders the notes, with each helpline once. The emergency number comes first, then the notes, then the other
/// helplines. Nothing is rendered without a note.
pub(super) fn safety(notes: &[WarningSafetyNote]) -> Markup {
    let (emergency, others): (Vec<_>, Vec<_>) = helplines(notes)
        .into_iter()
        .partition(|line| line.topic == HelplineTopic::Emergency);
    html! {
        @if !notes.is_empty() {
            section id="safety" aria-labelledby="safety-title" {
                h2 id="safety-title" { "For your safety" }
                @for line in emergency { p.first { (reach(line)) } }
                @for note in notes { p { (note.text) } }
                @if !others.is_empty() {
                    ul.lines { @for line in others { li { (reach(line)) } } }
                }
            }
        }
    }
}

/// Returns the helplines of all notes in their order, each once.
fn helplines(notes: &[WarningSafetyNote]) -> Vec<&Helpline> {
    let mut found: Vec<&Helpline> = Vec::new();
    for line in notes.iter().flat_map(|note| &note.helplines) {
        if !found.iter().any(|known| known.id == line.id) {
            found.push(line);
        }
    }
    found
}

/// Renders the name of a helpline and the ways to reach it.
fn reach(line: &Helpline) -> Markup {
    html! {
        strong { (line.name) } ": "
        @for (n, channel) in line.channels.iter().enumerate() {
            @if n > 0 { "; " }
            (way(channel))
        }
    }
}

/// Renders one way to reach a helpline. The text of the link is the number itself, so that paper has it too.
fn way(channel: &HelplineChannel) -> Markup {
    let verb = match channel.kind {
        HelplineChannelKind::Call => "call",
        HelplineChannelKind::Text => "text",
        HelplineChannelKind::Chat => "chat",
        HelplineChannelKind::Tty => "TTY",
    };
    html! {
        (verb) " "
        @match address(channel) {
            Some(address) => a href=(address) rel="noreferrer" { (channel.value) },
            None => (channel.value),
        }
        @if let Some(note) = &channel.note { " (" (note) ")" }
    }
}

/// Returns the address that a phone or browser opens for a channel. `None` for a text telephone, which is dialled
/// on a device of its own.
fn address(channel: &HelplineChannel) -> Option<String> {
    let number = || {
        let digits: String = channel
            .value
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '+')
            .collect();
        (!digits.is_empty()).then_some(digits)
    };
    match channel.kind {
        HelplineChannelKind::Call => Some(format!("tel:{}", number()?)),
        HelplineChannelKind::Text => {
            // With `?&`, phones of both large makers fill in the text; with `?` alone, older ones of one do not.
            let body = channel.keyword.as_ref().map(|word| format!("?&body={word}"));
            Some(format!("sms:{}{}", number()?, body.unwrap_or_default()))
        }
        HelplineChannelKind::Chat => channel
            .value
            .starts_with("https://")
            .then(|| channel.value.clone()),
        HelplineChannelKind::Tty => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_domain::{
        insight::{
            facts::{Facts, WithId},
            warning::{Thresholds, warnings},
        },
        record::Record,
        reference::helpline::{SHIPPED, select},
        use_event::UseEvent,
        value::vocabulary::Substance,
    };

    use crate::insight::document::example_moment;

    fn channel(kind: HelplineChannelKind, value: &str, keyword: Option<&str>) -> HelplineChannel {
        HelplineChannel {
            kind,
            value: value.to_owned(),
            keyword: keyword.map(str::to_owned),
            note: None,
        }
    }

    #[test]
    fn a_phone_can_call_text_and_open_from_the_page() {
        use HelplineChannelKind::{Call, Chat, Text, Tty};
        for (kind, value, keyword, expected) in [
            (Call, "988", None, Some("tel:988")),
            (Call, "1-800-662-4357", None, Some("tel:18006624357")),
            (Call, "0800 111 0 111", None, Some("tel:08001110111")),
            (Text, "988", None, Some("sms:988")),
            (Text, "741741", Some("HOME"), Some("sms:741741?&body=HOME")),
            (
                Chat,
                "https://988lifeline.org/chat",
                None,
                Some("https://988lifeline.org/chat"),
            ),
            (Chat, "javascript:alert(1)", None, None),
            (Call, "ask at the desk", None, None),
            (Tty, "711", None, None),
        ] {
            assert_eq!(
                address(&channel(kind, value, keyword)).as_deref(),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn every_shipped_number_is_a_link_that_shows_it() {
        for channel in SHIPPED.iter().flat_map(|line| &line.channels) {
            let shown = way(channel).into_string();
            assert!(shown.contains(&channel.value), "{shown}");
            assert_eq!(
                shown.contains("<a href="),
                channel.kind != HelplineChannelKind::Tty,
                "{shown}"
            );
        }
    }

    #[test]
    fn two_notes_name_each_helpline_once_and_the_emergency_number_before_all_words() {
        let helplines: Vec<Helpline> = select(Some("US"), None).into_iter().cloned().collect();
        let used = UseEvent {
            substance: Substance::OpioidHeroin,
            occurred_at: example_moment().local(),
            ended_at: None,
            ..UseEvent::example()
        };
        let id = uuid::Uuid::nil();
        let facts = Facts {
            uses: vec![WithId {
                id,
                record: used,
                written: None,
            }],
            ..Facts::default()
        };
        let found = warnings(&facts, &helplines, &example_moment(), &Thresholds::V2).result;
        let note = found.safety.first().expect("a note").clone();
        let another = WarningSafetyNote {
            text: "Another note.".to_owned(),
            ..note.clone()
        };
        let shown = safety(&[note.clone(), another]).into_string();
        for line in &note.helplines {
            let name = format!("<strong>{}</strong>", line.name.replace('&', "&amp;"));
            assert_eq!(shown.matches(&name).count(), 1, "{shown}");
        }
        let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text}: {shown}"));
        assert!(at("tel:911") < at("After days without opioids") && at("Another note.") < at("tel:988"));
        assert!(safety(&[]).into_string().is_empty());
    }
}
