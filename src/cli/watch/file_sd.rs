//! What Prometheus reads: a list of targets with labels, as its
//! [file discovery](https://prometheus.io/docs/guides/file-sd/) wants it.
//!
//! Names and attributes come from anybody on the link. They are values of labels that no scrape
//! keeps by itself, and keys have no other characters than those of a label.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;

use beacon::Instance;
use beacon::TxtProperties;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::cli::watch::kept::Content;
use crate::cli::watch::services::can_be_written;

/// Writes each service as a group of targets, in an order that depends on nothing but what they
/// are. What nobody can reach is left out: port 0, and addresses that need an interface.
pub(crate) fn write<'i>(services: impl Iterator<Item = &'i Instance>) -> Content {
    let groups: BTreeSet<Group> = services.filter_map(Group::of).collect();
    let entries = groups.iter().map(|group| group.targets.len()).sum();
    let groups: Vec<Value> = groups.iter().map(Group::json).collect();
    let text = format!("{:#}\n", Value::Array(groups));
    Content { text, entries }
}

/// The targets of a service.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Group {
    labels: Vec<(String, String)>,
    targets: BTreeSet<SocketAddr>,
}

impl Group {
    /// Returns nothing if there is no target.
    fn of(service: &Instance) -> Option<Self> {
        let addresses = service.addresses.iter();
        let targets = addresses
            .filter(|address| service.port != 0 && can_be_written(**address))
            .map(|address| SocketAddr::new(*address, service.port));
        let targets: BTreeSet<_> = targets.collect();
        (!targets.is_empty()).then(|| Self {
            labels: labels(service),
            targets,
        })
    }

    fn json(&self) -> Value {
        let targets = self.targets.iter().map(ToString::to_string);
        let targets: Vec<_> = targets.collect();
        let labels = self.labels.iter().cloned();
        let labels = labels.map(|(name, value)| (name, Value::from(value)));
        json!({"targets": targets, "labels": labels.collect::<Map<_, _>>()})
    }
}

fn labels(service: &Instance) -> Vec<(String, String)> {
    let own = [
        ("type", service.name.service_type().to_string()),
        ("instance", service.name.label().into_owned()),
        ("interface", service.interface.name().to_owned()),
        ("host", without_dot(&service.host.to_string())),
    ];
    let own = own.map(|(name, value)| (format!("__meta_beacon_{name}"), value));
    let txt = attributes(&service.txt).into_iter();
    let txt = txt.map(|(key, value)| (format!("__meta_beacon_txt_{key}"), value));
    own.into_iter().chain(txt).collect()
}

fn without_dot(name: &str) -> String {
    name.trim_end_matches('.').to_owned()
}

/// Returns the attributes by what is left of their keys; of those that look alike then the first
/// counts, as of equal keys.
fn attributes(txt: &TxtProperties) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    for (key, value) in txt {
        let key = key.chars().map(|character| match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' => character,
            _ => '_',
        });
        // To Prometheus a label that is empty is one that is not there.
        let value = value.map_or(PRESENT.into(), String::from_utf8_lossy);
        attributes
            .entry(key.collect())
            .or_insert_with(|| value.into_owned());
    }
    attributes
}

/// The value of an attribute that has none.
const PRESENT: &str = "true";

#[cfg(test)]
mod tests {
    use beacon::protocol::{Interface, LinkId};
    use beacon::wire::Txt;
    use beacon::{Instance, TxtProperties};

    use super::write;

    #[test]
    fn a_service_is_a_group_of_targets_with_what_is_known_of_it() {
        let addresses = ["2001:db8::9", "192.0.2.9", "fe80::9"];
        let service = service("Porch", &addresses, b"\x04path\x03k.=\x04k_=2");

        let content = write([service].iter());

        let expected = r#"[
  {
    "targets": [
      "192.0.2.9:554",
      "[2001:db8::9]:554"
    ],
    "labels": {
      "__meta_beacon_type": "_rtsp._tcp",
      "__meta_beacon_instance": "Porch",
      "__meta_beacon_interface": "eth0",
      "__meta_beacon_host": "porch.local",
      "__meta_beacon_txt_k_": "",
      "__meta_beacon_txt_path": "true"
    }
  }
]
"#;
        assert_eq!(content.text, expected);
        assert_eq!(content.entries, 2);
    }

    #[test]
    fn equal_services_give_equal_bytes_in_any_order_and_once() {
        let services = ["B", "a", "C"].map(|name| service(name, &["192.0.2.9"], b"\0"));

        let sorted = write(services.iter());
        let reversed = write(services.iter().rev().chain(services.iter()));

        assert_eq!(sorted, reversed);
        assert_eq!(sorted.entries, 3);
    }

    #[test]
    fn without_a_service_that_can_be_reached_the_list_is_empty() {
        let mut portless = service("Porch", &["192.0.2.9"], b"\0");
        portless.port = 0;
        let unscoped = service("Porch", &["fe80::9"], b"\0");

        for services in [&[][..], &[portless, unscoped]] {
            let content = write(services.iter());
            assert_eq!((content.text.as_str(), content.entries), ("[]\n", 0));
        }
    }

    #[test]
    fn whatever_a_host_says_stays_in_the_text_that_it_belongs_to() {
        let name = r#"x"}],"y": "\010\u{2028}"#;
        let txt = b"\x0b\"}\n\xFF\xC3\xA4=\"\\\n\xFF";

        let content = write([service(name, &["192.0.2.9"], txt)].iter());

        let read: serde_json::Value = serde_json::from_str(&content.text).unwrap();
        let labels = &read[0]["labels"];
        let label = labels["__meta_beacon_instance"].as_str().unwrap();
        assert!(
            label.starts_with(r#"x"}],"y": ""#) && label.contains('\n'),
            "{label}"
        );
        assert_eq!(labels["__meta_beacon_txt______"], "\"\\\n\u{fffd}");
        assert_eq!(labels.as_object().unwrap().len(), 5);
        assert_eq!(content.text.lines().count(), 14, "{}", content.text);
    }

    fn service(name: &str, addresses: &[&str], txt: &[u8]) -> Instance {
        Instance {
            name: format!("{name}._rtsp._tcp").parse().unwrap(),
            interface: Interface::new(LinkId(2), "eth0"),
            host: "porch.local.".parse().unwrap(),
            port: 554,
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            txt: TxtProperties::from_wire(&Txt::new(txt).unwrap()),
        }
    }
}
