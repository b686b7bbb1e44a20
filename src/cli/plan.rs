//! What the command line means, or why it means nothing.
//!
//! Every name, type and attribute is read by the library, so that the command refuses what the
//! library refuses, with the same text, before anything is started.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use beacon::Config;
use beacon::Error;
use beacon::Families;
use beacon::HostName;
use beacon::InstanceName;
use beacon::Limits;
use beacon::Service;
use beacon::ServiceType;
use beacon::wire::Name;
use beacon::wire::RecordType;

use crate::cli::args::Args;
use crate::cli::args::CommonArgs;
use crate::cli::args::Listen;
use crate::cli::args::PublishArgs;
use crate::cli::args::Verb;

/// What is to be done, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) task: Task,
    pub(crate) config: Config,
    pub(crate) format: Format,
    /// How long it may take.
    pub(crate) timeout: Option<Duration>,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Task {
    /// One service, or as many as `--count` says.
    Publish(Vec<Service>),
    /// A service, for as long as a command runs.
    Run(Box<Run>),
    /// A command alone.
    Supervise(Vec<OsString>),
    Browse(Browse),
    Resolve(InstanceName),
    Types,
    Lookup(HostName),
    /// The host of an address.
    Reverse(IpAddr),
    Query(Question),
    Serve(Listen),
    Watch(Watch),
    Doctor,
}

/// A command, and the service that it is.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) service: Service,
    pub(crate) command: Vec<OsString>,
    pub(crate) says: Says,
}

/// What becomes of what a command says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Says {
    /// It goes where our own output goes.
    AsItIs,
    /// It goes to standard error, each line behind the name of the service.
    Prefixed,
}

/// Which records to ask for.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) name: Name,
    pub(crate) record_type: RecordType,
    /// Whether to go on after the first answers.
    pub(crate) follow: bool,
}

/// What to browse for.
#[derive(Debug)]
pub(crate) struct Browse {
    /// Without one, every type that is there.
    pub(crate) service_type: Option<ServiceType>,
    pub(crate) resolve: bool,
}

/// Which files to keep, and what is to stand in them.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Without any, every type that is there.
    pub(crate) service_types: Vec<ServiceType>,
    pub(crate) file_sd: Option<PathBuf>,
    pub(crate) hosts: Option<PathBuf>,
}

/// How an event is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Text,
    Json,
}

impl Plan {
    /// Reads what was typed.
    pub(crate) fn read(args: Args) -> Result<Self, Error> {
        let common = args.common();
        let (mut config, timeout) = (config(common), common.timeout);
        let format = if common.json {
            Format::Json
        } else {
            Format::Text
        };
        let task = match args.verb {
            Verb::Publish(publish) => Task::Publish(services(&publish)?),
            Verb::Run(run) => {
                let service = Service::new(&run.name, &run.service_type, run.port)?;
                let service = with_properties(service, &run.properties)?;
                Task::Run(Box::new(Run {
                    service,
                    command: run.command,
                    says: match run.prefix {
                        true => Says::Prefixed,
                        false => Says::AsItIs,
                    },
                }))
            }
            Verb::Supervise(supervise) => Task::Supervise(supervise.command),
            Verb::Browse(browse) => {
                // What breaks a rule for names is out there all the same, and can be looked for.
                let service_type = browse.service_type.as_deref().map(ServiceType::lenient);
                Task::Browse(Browse {
                    service_type: service_type.transpose()?,
                    resolve: !browse.no_resolve,
                })
            }
            Verb::Resolve(resolve) => {
                let service_type = ServiceType::lenient(&resolve.service_type)?;
                Task::Resolve(InstanceName::new(&resolve.name, &service_type)?)
            }
            Verb::Types(_) => Task::Types,
            Verb::Serve(serve) => Task::Serve(serve.listen),
            Verb::Doctor(_) => Task::Doctor,
            Verb::Lookup(lookup) => Task::Lookup(lookup.host.parse()?),
            Verb::Reverse(reverse) => {
                if let Some(interface) = reverse.address.interface {
                    config = config.interfaces([interface]);
                }
                Task::Reverse(reverse.address.address)
            }
            Verb::Query(query) => Task::Query(Question {
                name: name(&query.name)?,
                record_type: query.record_type,
                follow: query.follow,
            }),
            Verb::Watch(watch) => {
                let service_types = watch.service_types.iter();
                let service_types = service_types.map(|given| ServiceType::lenient(given));
                Task::Watch(Watch {
                    service_types: service_types.collect::<Result<_, _>>()?,
                    file_sd: watch.file_sd,
                    hosts: watch.hosts,
                })
            }
        };
        let config = config.limits(limits(&task));
        Ok(Self {
            task,
            config,
            format,
            timeout,
        })
    }
}

fn config(common: &CommonArgs) -> Config {
    let families = match (common.v4, common.v6) {
        (true, _) => Families::V4,
        (_, true) => Families::V6,
        (false, false) => Families::Both,
    };
    Config::default()
        .interfaces(&common.interface)
        .families(families)
}

/// Who asks for a thousand services and more by number means it, and who names so many types.
fn limits(task: &Task) -> Limits {
    let mut limits = Limits::default();
    match task {
        Task::Publish(services) => {
            limits.registrations = limits.registrations.max(services.len());
        }
        Task::Watch(watch) => limits.browsers = limits.browsers.max(watch.service_types.len()),
        _ => {}
    }
    limits
}

/// Reads a name that multicast DNS serves: under `local`, which may be left out behind a lone label
/// and behind a service type, or one of the names of addresses. RFC 6762 §3, §4.
fn name(given: &str) -> Result<Name, Error> {
    let name: Name = given.parse()?;
    let under = |domain: &str| {
        let domain = Name::from_labels([domain]).expect("a short label is a name");
        name.ends_with(&domain)
    };
    if under("local") || under("arpa") {
        return Ok(name);
    }
    let labels = || name.labels();
    if labels().count() == 1 || under("_tcp") || under("_udp") {
        let local: &[u8] = b"local";
        return Ok(Name::from_labels(labels().chain([local]))?);
    }
    let given = given.to_owned();
    Err(Error::Domain { given })
}

fn services(publish: &PublishArgs) -> Result<Vec<Service>, Error> {
    match publish.count {
        None => Ok(vec![service(publish, &publish.name)?]),
        Some(count) => {
            let numbered = (0..count).map(|number| format!("{}{number:05}", publish.name));
            numbered.map(|name| service(publish, &name)).collect()
        }
    }
}

fn service(publish: &PublishArgs, name: &str) -> Result<Service, Error> {
    let mut service = Service::new(name, &publish.service_type, publish.port)?;
    service = with_properties(service, &publish.properties)?;
    for subtype in &publish.subtype {
        service = service.subtype(subtype.as_encoded_bytes())?;
    }
    if let Some(host) = &publish.host {
        service = service.host(host)?;
    }
    for address in &publish.address {
        service = service.address(*address)?;
    }
    Ok(service)
}

fn with_properties(mut service: Service, properties: &[OsString]) -> Result<Service, Error> {
    for property in properties {
        let property = property.as_encoded_bytes();
        let mut parts = property.splitn(2, |&byte| byte == b'=');
        let key = String::from_utf8_lossy(parts.next().unwrap_or_default());
        service = match parts.next() {
            Some(value) => service.txt(&key, value)?,
            None => service.flag(&key)?,
        };
    }
    Ok(service)
}

#[cfg(test)]
mod tests {
    use beacon::{Error, ErrorKind, Property, Service};
    use clap::Parser;

    use super::{Format, Plan, Task, limits};
    use crate::cli::args::Args;

    #[test]
    fn an_attribute_is_a_flag_empty_or_a_value() {
        let [service] = &published(&["A", "_http._tcp", "80", "flag", "empty=", "a=b=c"])[..]
        else {
            panic!("one service");
        };
        let txt = service.properties();

        assert_eq!(txt.get("flag"), Property::Flag);
        assert_eq!(txt.get("empty"), Property::Empty);
        assert_eq!(txt.get("a"), Property::Value(b"b=c"));
    }

    #[test]
    fn a_service_may_be_on_another_host_and_have_subtypes() {
        let proxied = ["A", "_http._tcp", "80", "--host", "cam", "--subtype", "_x"];
        let [service] = &published(&[&proxied[..], &["--address", "192.0.2.9"]].concat())[..]
        else {
            panic!("one service");
        };

        let host = service.host_name().map(ToString::to_string);
        assert_eq!(host.as_deref(), Some("cam.local."));
        assert_eq!(service.addresses().len(), 1);
        assert_eq!(service.subtypes()[0].to_string(), "_x._sub._http._tcp");
    }

    #[test]
    fn many_services_are_numbered_with_five_digits() {
        let services = published(&["Load", "_http._tcp", "80", "--count", "3"]);

        let names = services.iter().map(|service| service.instance().label());
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["Load00000", "Load00001", "Load00002"]
        );
    }

    #[test]
    fn there_is_room_for_as_many_services_and_types_as_are_asked_for() {
        let load = ["publish", "Load", "_http._tcp", "80", "--count", "2000"];
        let types: Vec<_> = (0..300).map(|number| format!("_t{number}._tcp")).collect();
        let watch = ["watch", "--hosts", "a"].into_iter();
        let watch = watch.chain(types.iter().map(String::as_str));

        let limits = |typed: &[&str]| limits(&read(typed).unwrap().task);

        assert_eq!(limits(&load).registrations, 2000);
        assert_eq!(limits(&watch.collect::<Vec<_>>()).browsers, 300);
    }

    #[test]
    fn a_type_that_breaks_a_rule_is_browsed_for_but_not_published() {
        let long = "_more-than-15-characters._tcp";

        assert!(matches!(
            read(&["browse", long]).map(|plan| plan.task),
            Ok(Task::Browse(_))
        ));
        let refused = read(&["publish", "A", long, "80"]).unwrap_err();
        assert!(matches!(refused, Error::ServiceType { .. }));
        let refused = read(&["browse", "http"]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Usage);
    }

    #[test]
    fn an_address_needs_a_host() {
        let typed = ["publish", "A", "_http._tcp", "80", "--address", "192.0.2.9"];

        let refused = read(&typed).unwrap_err();

        assert!(matches!(refused, Error::Address { .. }));
    }

    #[test]
    fn json_is_written_when_asked_for() {
        assert_eq!(read(&["lookup", "a"]).unwrap().format, Format::Text);
        let json = read(&["lookup", "a", "--json"]).unwrap();
        assert_eq!(json.format, Format::Json);
    }

    #[test]
    fn a_question_is_for_a_name_that_multicast_dns_serves() {
        let asked = |name| match read(&["query", name]).map(|plan| plan.task) {
            Ok(Task::Query(question)) => Ok(question.name.to_string()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };

        assert_eq!(asked("printer").unwrap(), "printer.local.");
        assert_eq!(asked("_ipp._tcp.LOCAL.").unwrap(), "_ipp._tcp.LOCAL.");
        assert_eq!(asked("_ipp._tcp").unwrap(), "_ipp._tcp.local.");
        let reverse = "9.2.0.192.in-addr.arpa.";
        assert_eq!(asked(reverse).unwrap(), reverse);
        for other in ["www.example.com", "."] {
            assert!(matches!(asked(other), Err(Error::Domain { .. })), "{other}");
        }
        assert!(matches!(asked("a..local"), Err(Error::Name(_))));
    }

    fn read(typed: &[&str]) -> Result<Plan, Error> {
        let typed = ["beacon"].iter().chain(typed);
        Plan::read(Args::try_parse_from(typed).unwrap())
    }

    fn published(typed: &[&str]) -> Vec<Service> {
        match read(&[&["publish"], typed].concat()).unwrap().task {
            Task::Publish(services) => services,
            other => panic!("{other:?}"),
        }
    }
}
