//! The members that an entry of a feed may have.

use crate::reference::suggest::nearest;

/// The members that are read.
const READ: [&str; 35] = [
    "address",
    "approximate",
    "city",
    "conference_phone",
    "conference_phone_notes",
    "conference_url",
    "conference_url_notes",
    "country",
    "day",
    "end_time",
    "entity",
    "entity_phone",
    "entity_url",
    "entity_website_url",
    "formatted_address",
    "group",
    "group_notes",
    "latitude",
    "location",
    "location_notes",
    "longitude",
    "name",
    "notes",
    "postal_code",
    "region",
    "regions",
    "slug",
    "state",
    "sub_region",
    "time",
    "timezone",
    "types",
    "updated",
    "url",
    "id",
];

/// The members that are known and not read: they serve the web site of the feed, repeat what other members say, or
/// are about persons and payments.
const NOT_READ: [&str; 34] = [
    "attendance_option",
    "author",
    "coordinates",
    "data_source",
    "data_source_name",
    "distance",
    "district",
    "district_id",
    "edit_url",
    "email",
    "entity_email",
    "entity_location",
    "entity_logo",
    "feedback_emails",
    "feedback_url",
    "group_id",
    "homegroup_online",
    "image",
    "last_contact",
    "location_id",
    "location_url",
    "mailing_address",
    "paypal",
    "phone",
    "region_id",
    "search",
    "square",
    "sub_district",
    "sub_region_id",
    "time_formatted",
    "day_formatted",
    "venmo",
    "website",
    "website_2",
];

/// Whether an entry may have a member.
pub(super) fn is_known(name: &str) -> bool {
    READ.contains(&name) || NOT_READ.contains(&name) || is_of_contact(name)
}

/// The member that was probably meant by a name that is not known.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    nearest(name, READ)
}

/// Whether a member is about a contact person: `contact_1_name` and the like.
fn is_of_contact(name: &str) -> bool {
    let rest = name.strip_prefix("contact_").unwrap_or_default();
    let (number, what) = rest.split_once('_').unwrap_or_default();
    number.len() == 1
        && number.bytes().all(|b| b.is_ascii_digit())
        && matches!(what, "name" | "email" | "phone")
}
