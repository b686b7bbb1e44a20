//! What was typed: the verbs with their words and options, before anything is made of them.
//!
//! The comments on the fields are what `--help` prints. What the words mean, and whether they may
//! stand so, is decided in [`plan`](crate::cli::plan) with the library's own rules and texts.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::path;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use beacon::wire::RecordType;
use beacon::wire::UnknownRecordType;
use clap::ArgGroup;
use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use clap::value_parser;

/// Announces and finds services on the local link: multicast DNS and DNS-SD.
#[derive(Debug, Parser)]
#[command(name = "beacon", version, arg_required_else_help = true)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Announce a service until a signal, then say goodbye.
    Publish(PublishArgs),
    /// Announce a service for as long as a command runs.
    Run(RunArgs),
    /// Show services as they come, change and go.
    Browse(BrowseArgs),
    /// Find host, port, addresses and attributes of one service.
    Resolve(ResolveArgs),
    /// Show which types of service there are.
    Types(TypesArgs),
    /// Find the addresses of a host.
    Lookup(LookupArgs),
    /// Find the host of an address.
    Reverse(ReverseArgs),
    /// Ask for records of any type.
    Query(QueryArgs),
    /// Show what is on the link to browsers and scrapers: a dashboard, a feed, metrics.
    Serve(ServeArgs),
    /// Keep files of what is there: targets for Prometheus, hosts for who looks them up.
    Watch(WatchArgs),
    /// Look for what stands in the way on this machine.
    Doctor(DoctorArgs),
    /// Run a command until it ends or standard input does: what `run` puts between.
    #[command(hide = true)]
    Supervise(SuperviseArgs),
}

/// What every verb takes.
#[derive(clap::Args, Debug)]
pub(crate) struct CommonArgs {
    /// Use this interface and no other; may be given several times.
    #[arg(long, value_name = "IF", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) interface: Vec<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Speak over IPv4 alone.
    #[arg(short = '4', conflicts_with = "v6")]
    pub(crate) v4: bool,
    /// Speak over IPv6 alone.
    #[arg(short = '6')]
    pub(crate) v6: bool,
    /// Say more on standard error: -v what happens and how the end went, -vv details, -vvv
    /// everything.
    #[arg(short, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// End after so many seconds, or with a unit behind it, such as 500ms, 2m or 1h; without it,
    /// only when done or told to.
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  beacon publish \"Office Printer\" _ipp._tcp 631 rp=ipp/print Color

A name that another host holds gets a number: \"Office Printer (2)\".")]
pub(crate) struct PublishArgs {
    /// The name that people read, of up to 63 bytes.
    pub(crate) name: String,
    /// The type of the service, such as _http._tcp.
    #[arg(value_name = "TYPE")]
    pub(crate) service_type: String,
    /// The port that it listens on.
    #[arg(value_parser = read_port)]
    pub(crate) port: u16,
    /// What else clients should know of it; without `=` the key itself is the message.
    #[arg(value_name = "KEY[=VALUE]")]
    pub(crate) properties: Vec<OsString>,
    /// Let it be found under this subtype too; may be given several times.
    #[arg(long, value_name = "SUBTYPE")]
    pub(crate) subtype: Vec<OsString>,
    /// Say that it runs on another host, which cannot announce it itself.
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Announce this address of the other host; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Vec<IpAddr>,
    /// Publish so many, numbered NAME00000, NAME00001 and so on.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) count: Option<u32>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  beacon run \"My Files\" _http._tcp 8000 path=/ -- python3 -m http.server 8000
  beacon run \"My Files\" _http._tcp 8000 --prefix -- python3 -m http.server 8000

The exit code is that of the command. When a signal ends the wait, the goodbye goes out first, then
the command and all that it started are told to end, and after three seconds killed.")]
pub(crate) struct RunArgs {
    /// The name that people read, of up to 63 bytes.
    pub(crate) name: String,
    /// The type of the service, such as _http._tcp.
    #[arg(value_name = "TYPE")]
    pub(crate) service_type: String,
    /// The port that the command listens on.
    #[arg(value_parser = read_port)]
    pub(crate) port: u16,
    /// What else clients should know of it; without `=` the key itself is the message.
    #[arg(value_name = "KEY[=VALUE]")]
    pub(crate) properties: Vec<OsString>,
    /// Show what the command says on standard error, each line behind NAME; of lines that nobody
    /// reads the newest 1,000 wait. Without it, its output is its own.
    #[arg(long)]
    pub(crate) prefix: bool,
    /// The command, with what it takes.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
pub(crate) struct SuperviseArgs {
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<OsString>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  beacon browse
  beacon browse _ipp._tcp
  beacon browse _printer._sub._http._tcp --json --timeout 3")]
pub(crate) struct BrowseArgs {
    /// The type of the services, perhaps with a subtype in front; every type if there is none.
    #[arg(value_name = "TYPE")]
    pub(crate) service_type: Option<String>,
    /// Show names only, and ask for nothing else.
    #[arg(long)]
    pub(crate) no_resolve: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  beacon resolve \"Office Printer\" _ipp._tcp --timeout 3")]
pub(crate) struct ResolveArgs {
    /// The name that people read.
    pub(crate) name: String,
    /// The type of the service.
    #[arg(value_name = "TYPE")]
    pub(crate) service_type: String,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  beacon lookup printer.local --timeout 3")]
pub(crate) struct LookupArgs {
    /// The name of the host, with or without `.local`.
    #[arg(value_parser = read_host)]
    pub(crate) host: String,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  beacon types --timeout 3")]
pub(crate) struct TypesArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  beacon reverse 192.0.2.9 --timeout 3
  beacon reverse fe80::9%eth0")]
pub(crate) struct ReverseArgs {
    /// The IPv4 or IPv6 address; with `%` and an interface behind it, asked for there alone.
    #[arg(value_parser = read_address)]
    pub(crate) address: ScopedAddress,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  beacon query printer.local
  beacon query \"Office Printer._ipp._tcp.local\" TXT --timeout 3
  beacon query _ipp._tcp.local PTR --follow --json

It ends a quarter of a second after the first answer, when the other hosts have answered too.")]
pub(crate) struct QueryArgs {
    /// The name of the records, with or without `.local`; a dot inside a label is written `\.`.
    pub(crate) name: String,
    /// Their type, such as SRV or TYPE65.
    #[arg(value_name = "RRTYPE", default_value = "ANY", value_parser = read_type)]
    pub(crate) record_type: RecordType,
    /// Go on, and show what comes and goes.
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
#[command(group = ArgGroup::new("files").required(true).multiple(true))]
#[command(after_help = "\
Examples:
  beacon watch _prometheus-http._tcp --file-sd /etc/prometheus/targets/link.json
  beacon watch --hosts /run/beacon/hosts

A file is replaced as a whole, so that no reader sees half of it, and what stood in it before goes.
It is written a second after the start, even if nothing is there, then a moment after each change,
and left as it is in the end. When others change or remove it, it is as it was within ten seconds.
What cannot be written at the start ends it with 3; what cannot be written later is tried again.

The labels of a target are __meta_beacon_type, _instance, _interface, _host, and for each attribute
__meta_beacon_txt_KEY, with `_` for whatever is no letter or digit in the key, and `true` for an
attribute without a value. A host has a line if its name is under `local`, of letters, digits and
hyphens. Link-local IPv6 addresses are left out of both: there is no place for their interface.")]
pub(crate) struct WatchArgs {
    /// The types of the services, perhaps with a subtype in front; every type if there is none.
    #[arg(value_name = "TYPE")]
    pub(crate) service_types: Vec<String>,
    /// Keep the targets in this file, in JSON, for the file discovery of Prometheus.
    #[arg(long, value_name = "PATH", group = "files")]
    pub(crate) file_sd: Option<PathBuf>,
    /// Keep the hosts in this file, an address and a name a line as in /etc/hosts.
    #[arg(long, value_name = "PATH", group = "files")]
    pub(crate) hosts: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  beacon doctor
  beacon doctor --interface eth0 --json

It asks and announces nothing. `fault` stands in the way, `note` is worth knowing.")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  beacon serve
  beacon serve --listen 192.0.2.1:5380 --interface eth0

  /              a page of what is there, live
  /events        the same as a WebSocket of JSON
  /metrics       figures for Prometheus; /metrics.json for others
  /healthz       200 while all is well, else 503
  /debug/tasks   who runs; /debug/budgets what is held of which limit

Whoever can connect can see all of it: nobody is asked for a password, and nothing is encrypted.")]
pub(crate) struct ServeArgs {
    /// Listen on this address and port; port 0 is any that is free.
    #[arg(long, value_name = "ADDR", default_value = LISTEN, value_parser = read_listen)]
    pub(crate) listen: Listen,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Where to listen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Listen {
    /// An address, without brackets, or a name.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// An address, with the interface that stands behind it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ScopedAddress {
    pub(crate) address: IpAddr,
    pub(crate) interface: Option<String>,
}

impl Args {
    /// Reads what was typed, as far as that can be judged without the library.
    pub(crate) fn read(typed: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let args = Self::try_parse_from(typed)?;
        if let Verb::Watch(WatchArgs {
            file_sd: Some(one),
            hosts: Some(other),
            ..
        }) = &args.verb
        {
            // Each would replace the other, for ever.
            if place_of(one) == place_of(other) {
                return Err(Self::command().error(ErrorKind::ArgumentConflict, FILES_WANTED));
            }
        }
        Ok(args)
    }

    /// Returns how often `-v` was given.
    pub(crate) fn verbosity(&self) -> u8 {
        self.common().verbose
    }

    pub(crate) fn common(&self) -> &CommonArgs {
        match &self.verb {
            Verb::Publish(args) => &args.common,
            Verb::Run(args) => &args.common,
            Verb::Browse(args) => &args.common,
            Verb::Resolve(args) => &args.common,
            Verb::Types(args) => &args.common,
            Verb::Lookup(args) => &args.common,
            Verb::Reverse(args) => &args.common,
            Verb::Query(args) => &args.common,
            Verb::Serve(args) => &args.common,
            Verb::Watch(args) => &args.common,
            Verb::Doctor(args) => &args.common,
            Verb::Supervise(args) => &args.common,
        }
    }
}

/// Returns where a path leads, through links and `..` as far as there is something.
fn place_of(path: &Path) -> Option<PathBuf> {
    let absolute = path::absolute(path).ok()?;
    let in_folder = || {
        let folder = absolute.parent()?.canonicalize().ok()?;
        Some(folder.join(absolute.file_name()?))
    };
    let canonical = absolute.canonicalize().ok();
    Some(canonical.or_else(in_folder).unwrap_or(absolute))
}

fn read_time(given: &str) -> Result<Duration, &'static str> {
    let units = |(unit, _): &&(&str, f64)| given.ends_with(unit);
    let (unit, seconds) = UNITS.iter().find(units).unwrap_or(&("", 1.0));
    let number = given.strip_suffix(unit).unwrap_or(given);
    // A number has no name, which would be read as one: `inf`, `nan`.
    let is_plain = number.ends_with(|end: char| end.is_ascii_digit() || end == '.');
    let number: f64 = number.parse().map_err(|_| TIME_WANTED)?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(time) if is_plain && !time.is_zero() && time <= TIMEOUT_MAX => Ok(time),
        Ok(time) if is_plain && !time.is_zero() => Err(TIME_TOO_LONG),
        Err(_) if is_plain && number > 0.0 => Err(TIME_TOO_LONG),
        _ => Err(TIME_WANTED),
    }
}

/// Reads a port. That 0 is none is for the library to say.
fn read_port(given: &str) -> Result<u16, &'static str> {
    given.parse().map_err(|_| PORT_WANTED)
}

/// Lets everything pass for the library to judge but an address, which somebody meant to look up.
fn read_host(given: &str) -> Result<String, &'static str> {
    match read_address(given) {
        Ok(_) => Err(HOST_WANTED),
        Err(_) => Ok(given.to_owned()),
    }
}

fn read_address(given: &str) -> Result<ScopedAddress, &'static str> {
    let (address, interface) = match given.split_once('%') {
        Some((_, "")) => return Err(ADDRESS_WANTED),
        Some((address, interface)) => (address, Some(interface.to_owned())),
        None => (given, None),
    };
    let address = address.parse().map_err(|_| ADDRESS_WANTED)?;
    Ok(ScopedAddress { address, interface })
}

fn read_listen(given: &str) -> Result<Listen, &'static str> {
    let (host, port) = given.rsplit_once(':').ok_or(LISTEN_WANTED)?;
    let port = port.parse().map_err(|_| LISTEN_WANTED)?;
    let bracketed = host.strip_prefix('[').and_then(|v6| v6.strip_suffix(']'));
    let host = match bracketed {
        Some(v6) if v6.parse::<Ipv6Addr>().is_ok() => v6,
        None if !host.is_empty() && !host.contains([':', '[', ']']) => host,
        _ => return Err(LISTEN_WANTED),
    };
    let host = host.to_owned();
    Ok(Listen { host, port })
}

fn read_type(given: &str) -> Result<RecordType, String> {
    let record_type: RecordType = given
        .parse()
        .map_err(|unknown: UnknownRecordType| unknown.to_string())?;
    if record_type.is_pseudo() {
        let why = "is a part of messages and nobody's record: ask for another type";
        return Err(format!("{record_type} {why}"));
    }
    Ok(record_type)
}

/// Names are numbered with five digits.
const COUNT_MAX: i64 = 100_000;

/// Far beyond any use, and no sum with an instant can overflow.
const TIMEOUT_MAX: Duration = Duration::from_secs(1_000_000_000);

/// Where `serve` listens unless it is told otherwise: for this machine alone.
const LISTEN: &str = "127.0.0.1:5380";
const LISTEN_WANTED: &str = "give address and port, such as 127.0.0.1:5380 or [::1]:5380";
const ADDRESS_WANTED: &str = "give an address, such as 192.0.2.9 or fe80::9%eth0";
const FILES_WANTED: &str = "--file-sd and --hosts name one file; give each a file of its own";
const HOST_WANTED: &str = "this is an address: give the name of a host, or use `beacon reverse`";
const PORT_WANTED: &str = "give a port from 1 to 65535, such as 631";
const TIME_TOO_LONG: &str = "that is more than a billion seconds: leave it out to wait without end";
const TIME_WANTED: &str = "give a number of seconds above 0, such as 3 or 0.5, or 500ms, 2m or 1h";

/// Units of time, and their seconds. What ends another comes after it.
const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

const EXIT_CODES: &str = "\
Exit codes:
  0      done; also when a signal ended a verb that runs until told
  1      nothing found, or not in time; also when a signal ended the wait
  2      the command line is wrong
  3      the system refused
  128+n  forced by a second signal n
`run` ends with the exit code of its command, 128+n if signal n ended that.

Signals:
  SIGINT, SIGTERM, SIGHUP  end it in order: goodbyes are sent; a second one ends it at once
  SIGUSR1                  shows on standard error how things stand";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Args, CommandFactory, LISTEN, TIME_TOO_LONG};
    use super::{read_address, read_listen, read_time, read_type};

    #[test]
    fn the_command_line_is_well_described() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_timeout_is_in_seconds_or_has_a_unit_and_is_never_nothing() {
        for (given, milliseconds) in [
            ("0.25", 250),
            ("3", 3000),
            ("3s", 3000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1.5h", 5_400_000),
            ("1e3", 1_000_000),
        ] {
            let time = Duration::from_millis(milliseconds);
            assert_eq!(read_time(given), Ok(time), "{given}");
        }
        for given in [
            "0", "0ms", "-1", "-1s", "nan", "inf", "infs", "1e300", "1e300h", "3 s", "3d", "3sm",
            "ms", "s", "",
        ] {
            assert!(read_time(given).is_err(), "{given}");
        }
        for given in ["1e10", "1e300", "1e6h", "31536000000"] {
            assert_eq!(read_time(given), Err(TIME_TOO_LONG), "{given}");
        }
    }

    #[test]
    fn an_address_may_have_an_interface_behind_it() {
        let read = |given| read_address(given).map(|read| (read.address, read.interface));
        let link_local = "fe80::9".parse().unwrap();

        assert_eq!(read("fe80::9"), Ok((link_local, None)));
        assert_eq!(read("fe80::9%eth0"), Ok((link_local, Some("eth0".into()))));
        for given in ["", "printer", "192.0.2", "192.0.2.9%", "%eth0"] {
            assert!(read_address(given).is_err(), "{given}");
        }
    }

    #[test]
    fn where_to_listen_is_an_address_or_a_name_with_a_port() {
        for given in [LISTEN, "[::1]:0", "0.0.0.0:80", "printer.local:5380"] {
            assert_eq!(
                read_listen(given).map(|at| at.to_string()),
                Ok(given.to_owned())
            );
        }
        assert_eq!(
            read_listen("[::1]:7").map(|at| at.host),
            Ok("::1".to_owned())
        );
        for given in [
            "", "5380", ":5380", "::1", "::1:5380", "[::1]", "[a]:1", "a:65536", "a:b",
        ] {
            assert!(read_listen(given).is_err(), "{given}");
        }
    }

    #[test]
    fn a_type_that_no_name_can_have_is_not_asked_for() {
        assert_eq!(read_type("srv").map(|read| read.0), Ok(33));
        assert_eq!(read_type("TYPE65").map(|read| read.0), Ok(65));
        for given in ["OPT", "TSIG", "type41", "PRT"] {
            assert!(read_type(given).is_err(), "{given}");
        }
    }
}
