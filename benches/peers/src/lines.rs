//! What is printed: one JSON object a line, in the words of the command `beacon`.

use std::io;
use std::io::Write;

use mdns_sd::ResolvedService;
use mdns_sd::ServiceEvent;
use mdns_sd::TxtProperty;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Prints one line.
///
/// Nobody reads any longer? Then nobody misses it.
pub(crate) fn say(event: &Value) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{event}").and_then(|()| out.flush());
}

/// Prints what a browse told, as far as it is about a service.
pub(crate) fn browsed(event: &ServiceEvent) {
    let plain = |event, service_type: &str, full_name| {
        let name = instance(full_name, service_type);
        say(&json!({"event": event, "name": name, "type": bare(service_type)}));
    };
    match event {
        ServiceEvent::ServiceFound(service_type, name) => plain("found", service_type, name),
        ServiceEvent::ServiceRemoved(service_type, name) => plain("removed", service_type, name),
        ServiceEvent::ServiceResolved(service) => say(&resolved(service)),
        _ => {}
    }
}

/// Returns the plain instance name: mdns-sd writes a backslash before dots and backslashes.
pub(crate) fn instance(full_name: &str, service_type: &str) -> String {
    let escaped = full_name.strip_suffix(service_type).unwrap_or(full_name);
    let escaped = escaped.strip_suffix('.').unwrap_or(escaped);
    let mut name = String::new();
    let mut letters = escaped.chars();
    while let Some(letter) = letters.next() {
        name.extend(match letter {
            '\\' => letters.next(),
            _ => Some(letter),
        });
    }
    name
}

fn resolved(service: &ResolvedService) -> Value {
    // It keeps them in a set; the order is ours, so that two runs print alike.
    let mut addresses: Vec<_> = service.addresses.iter().map(ToString::to_string).collect();
    addresses.sort();
    let txt: Map<_, _> = service
        .txt_properties
        .iter()
        .map(|property| (property.key().to_owned(), value(property)))
        .collect();
    json!({
        "event": "resolved",
        "name": instance(&service.fullname, &service.ty_domain),
        "type": bare(&service.ty_domain),
        "host": service.host,
        "port": service.port,
        "addresses": addresses,
        "txt": txt,
    })
}

fn value(property: &TxtProperty) -> Value {
    property.val().map_or(Value::Null, |value| {
        String::from_utf8_lossy(value).into_owned().into()
    })
}

fn bare(service_type: &str) -> &str {
    service_type.strip_suffix(".local.").unwrap_or(service_type)
}
