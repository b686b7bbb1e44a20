//! What thirteen messages from the field mean, and that reading and writing them allocates nothing.

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use beacon::wire::{
    CheckedNames, Class, Frame, Header, Index, Message, RdataRef, Record, RecordRef, Section,
    SrvTargets, Strings, Writer,
};

mod allocations;
#[path = "support/corpus.rs"]
mod corpus;

#[test]
fn a_response_brings_a_service_whole() {
    assert_says(
        "01_typical",
        Header::RESPONSE,
        &[
            "answer _http._tcp.local. 4500 PTR NAS Web UI._http._tcp.local.",
            "additional NAS Web UI._http._tcp.local. flush 120 SRV 0 0 5000 nas-01.local.",
            "additional NAS Web UI._http._tcp.local. flush 4500 TXT \
            path=/|vendor=Synology|model=DS920+|version_major=7",
            "additional nas-01.local. flush 120 A 192.168.1.20",
            "additional nas-01.local. flush 120 AAAA fe80::211:32ff:fe44:5566",
        ],
    );
}

#[test]
fn a_query_asks_for_one_type_of_service() {
    assert_says(
        "02_query_ptr",
        Header::QUERY,
        &["question _http._tcp.local. PTR"],
    );
}

#[test]
fn a_query_asks_for_seven_types_and_welcomes_unicast() {
    // 6762-18.14-4, 6762-10.2-7
    assert_says(
        "03_query_multi_qu",
        Header::QUERY,
        &[
            "question _airplay._tcp.local. PTR QU",
            "question _raop._tcp.local. PTR QU",
            "question _companion-link._tcp.local. PTR QU",
            "question _rdlink._tcp.local. PTR QU",
            "question _hap._tcp.local. PTR QU",
            "question _hap._udp.local. PTR QU",
            "question _sleep-proxy._udp.local. PTR QU",
        ],
    );
}

#[test]
fn a_query_carries_the_answers_it_knows() {
    let known = (0..10).map(|printer| {
        let (ttl, floor) = (4000 - printer, printer / 3);
        format!(
            "answer _ipp._tcp.local. {ttl} PTR Printer 0{printer} @ floor {floor}._ipp._tcp.local."
        )
    });
    let mut says = vec!["question _ipp._tcp.local. PTR".to_owned()];
    says.extend(known);

    assert_says("04_query_ka", Header::QUERY, &says);
}

#[test]
fn a_probe_proposes_what_it_will_claim() {
    assert_says(
        "05_probe",
        Header::QUERY,
        &[
            "question Living Room._airplay._tcp.local. ANY QU",
            "question Living-Room.local. ANY QU",
            "authority Living Room._airplay._tcp.local. 120 SRV 0 0 7000 Living-Room.local.",
            "authority Living-Room.local. 120 A 192.168.1.31",
            "authority Living-Room.local. 120 AAAA fe80::211:32ff:fe44:5566",
        ],
    );
}

#[test]
fn an_announcement_says_what_is_there_and_what_is_not() {
    // 6762-6.1-5, 6762-10.2-8
    assert_says(
        "06_announce_full",
        Header::RESPONSE,
        &[
            "answer Living Room._airplay._tcp.local. flush 4500 TXT \
            acl=0|deviceid=AA:BB:CC:DD:EE:FF|features=0x4A7FDFD5,0xBC157FDE|flags=0x18644|\
            gid=3F7A7F6C-5E7B-4B9A-8B1D-2C6C2B1F9F10|model=AppleTV11,1|protovers=1.1|\
            pi=5b4c6a1e-6f5d-4d7e-9a0b-0f1e2d3c4b5a|\
            pk=a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1|\
            srcvers=695.5.1|osvers=17.0|vv=2",
            "answer _airplay._tcp.local. 4500 PTR Living Room._airplay._tcp.local.",
            "answer Living Room._airplay._tcp.local. flush 120 SRV 0 0 7000 Living-Room.local.",
            "answer _services._dns-sd._udp.local. 4500 PTR _airplay._tcp.local.",
            "answer Living-Room.local. flush 120 A 192.168.1.31",
            "answer Living-Room.local. flush 120 AAAA fe80::211:32ff:fe44:5566",
            "answer Living-Room.local. flush 120 AAAA 2a02:0:1111:2222:11:3200:fe44:5566",
            "additional Living Room._airplay._tcp.local. flush 4500 NSEC {TXT, SRV}",
            "additional Living-Room.local. flush 120 NSEC {A, AAAA}",
        ],
    );
}

#[test]
fn a_goodbye_has_no_time_to_live() {
    assert_says(
        "07_goodbye",
        Header::RESPONSE,
        &[
            "answer _ipp._tcp.local. 0 PTR HP LaserJet 400._ipp._tcp.local.",
            "answer HP LaserJet 400._ipp._tcp.local. flush 0 SRV 0 0 631 NPI123456.local.",
            "answer HP LaserJet 400._ipp._tcp.local. flush 0 TXT txtvers=1",
            "answer NPI123456.local. flush 0 A 192.168.1.50",
        ],
    );
}

#[test]
fn a_chromecast_has_properties_without_a_value() {
    // 6763-6.4-7
    let instance = "Chromecast-Ultra-5f3c2b1a9d8e7f6a5b4c3d2e1f0a9b8c._googlecast._tcp.local.";
    let host = "5f3c2b1a-9d8e-7f6a-5b4c-3d2e1f0a9b8c.local.";
    let txt = "id=5f3c2b1a9d8e7f6a5b4c3d2e1f0a9b8c|cd=5E3B1F0A9B8C7D6E5F4A3B2C1D0E9F8A|rm=|\
        ve=05|md=Chromecast Ultra|ic=/setup/icon.png|fn=Living Room TV|ca=201221|st=0|\
        bs=FA8FCA7B9E4D|nf=1|rs=";

    assert_says(
        "08_chromecast",
        Header::RESPONSE,
        &[
            format!("answer _googlecast._tcp.local. 120 PTR {instance}"),
            format!("additional {instance} flush 4500 TXT {txt}"),
            format!("additional {instance} flush 120 SRV 0 0 8009 {host}"),
            format!("additional {host} flush 120 A 192.168.1.77"),
        ],
    );
}

#[test]
fn a_legacy_query_says_how_much_it_can_take() {
    // 6762-10.2-9
    let header = Header {
        id: 0x1A2B,
        recursion_desired: true,
        ..Header::QUERY
    };

    assert_says(
        "09_legacy_a_opt",
        header,
        &[
            "question printer-office.local. A",
            "additional . CLASS1232 0 OPT",
        ],
    );
}

#[test]
fn an_apple_device_names_its_owner_in_an_option() {
    // 6762-10.2-9
    assert_says(
        "10_apple_sleep_opt",
        Header::QUERY,
        &[
            "question _companion-link._tcp.local. PTR",
            "question _homekit._tcp.local. PTR",
            "answer _companion-link._tcp.local. 3000 PTR iPad._companion-link._tcp.local.",
            "additional . CLASS1440 4500 OPT \\x00\\x04\\x00\\x0e\
            \\x00\\x15\\xf0\\x18\\x98\\xaa\\xbb\\xcc\\xf0\\x18\\x98\\xaa\\xbb\\xcd",
        ],
    );
}

#[test]
fn a_bridge_speaks_for_eight_bulbs() {
    let instances = (0..8).map(|bulb| format!("Hue Bulb 0{bulb}._hap._tcp.local."));
    let mut says: Vec<String> = instances
        .clone()
        .map(|instance| format!("answer _hap._tcp.local. 4500 PTR {instance}"))
        .collect();
    for (bulb, instance) in instances.enumerate() {
        let host = format!("hue-0{bulb}.local.");
        says.push(format!(
            "additional {instance} flush 120 SRV 0 0 8080 {host}"
        ));
        says.push(format!(
            "additional {instance} flush 4500 TXT \
             c#=2|ff=1|id=AA:BB:CC:00:00:0{bulb}|md=LCT00{bulb}|pv=1.1|s#=1|sf=0|ci=5"
        ));
        says.push(format!("additional {host} flush 120 A 192.168.2.1{bulb}"));
    }

    assert_says("11_big_response", Header::RESPONSE, &says);
}

#[test]
fn a_sensor_that_compresses_nothing_is_understood() {
    assert_says(
        "12_uncompressed",
        Header::RESPONSE,
        &[
            "answer _http._tcp.local. 4500 PTR ESP Sensor._http._tcp.local.",
            "answer ESP Sensor._http._tcp.local. flush 120 SRV 0 0 80 esp-sensor-aabbcc.local.",
            "answer ESP Sensor._http._tcp.local. flush 4500 TXT board=esp32|fw=2.1",
            "answer esp-sensor-aabbcc.local. flush 120 A 192.168.1.88",
        ],
    );
}

#[test]
fn a_record_that_is_cut_off_costs_none_of_those_before_it() {
    // 1035-4.1.3-1
    assert_says(
        "13_bad_rdlen",
        Header::RESPONSE,
        &[
            "answer _http._tcp.local. 4500 PTR NAS Web UI._http._tcp.local.",
            "additional NAS Web UI._http._tcp.local. flush 120 SRV 0 0 5000 nas-01.local.",
            "additional NAS Web UI._http._tcp.local. flush 4500 TXT \
            path=/|vendor=Synology|model=DS920+|version_major=7",
            "additional nas-01.local. flush 120 A 192.168.1.20",
            "1 skipped: message ends inside the field at byte 162",
        ],
    );
}

#[test]
fn every_message_that_is_written_again_means_the_same_and_is_no_longer() {
    // 6762-18.14-1
    let mut writer = Writer::new();
    for sample in corpus::all() {
        let mut index = Index::new();
        let message = Message::read(&sample.bytes, &mut index).unwrap();
        write_again(&mut writer, message, &owned_records(message));

        let mut index_again = Index::new();
        let again = Message::read(writer.bytes(), &mut index_again).unwrap();

        let (before, mut after) = (lines(message), lines(again));
        after.extend((message.skipped() > 0).then(|| before.last().unwrap().clone()));
        assert_eq!(before, after, "{}", sample.name);
        assert!(writer.len() <= sample.bytes.len(), "{}", sample.name);
    }
}

#[test]
fn reading_allocates_nothing_once_there_is_an_index_or_a_frame_in_use() {
    let samples = corpus::all();
    let mut index = Index::new();
    let mut room = [0; 9000];
    let (mut frame, mut checked) = (Frame::new(&mut room), CheckedNames::new());
    let mut receive = |frame: &mut Frame, bytes: &[u8]| {
        frame.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        frame.received(bytes.len());
        frame.check(&mut checked).unwrap();
    };
    for sample in &samples {
        receive(&mut frame, &sample.bytes);
    }
    let names = owned_names();

    let allocations = allocations::count(|| {
        for sample in &samples {
            let message = Message::read(&sample.bytes, &mut index).unwrap();
            walk(message);
            receive(&mut frame, &sample.bytes);
            let message = frame.message().unwrap();
            walk(message);
            for record in message.all_records() {
                for known in &names {
                    black_box(record.name() == known.name && record.rdata() == known.rdata);
                }
            }
        }
    });

    assert_eq!(allocations, 0);
}

#[test]
fn writing_allocates_nothing_with_a_writer_that_is_used_again() {
    let samples = corpus::all();
    let mut index = Index::new();
    let mut writer = Writer::new();
    for sample in &samples {
        let message = Message::read(&sample.bytes, &mut index).unwrap();
        let records = owned_records(message);

        let allocations = allocations::count(|| write_again(&mut writer, message, &records));

        assert_eq!(allocations, 0, "{}", sample.name);
    }
}

#[test]
fn allocations_are_counted() {
    assert_eq!(allocations::count(|| drop(black_box(Box::new(7)))), 1);
    assert_eq!(allocations::count(|| drop(black_box(vec![0; 10]))), 1);
}

/// Asserts that a message of the corpus says so much and no more.
#[track_caller]
fn assert_says(name: &str, header: Header, says: &[impl AsRef<str>]) {
    let bytes = corpus::sample(name);
    let mut index = Index::new();
    let message = Message::read(&bytes, &mut index).unwrap();

    let says: Vec<&str> = says.iter().map(AsRef::as_ref).collect();
    assert_eq!(message.header(), header);
    assert_eq!(lines(message), says);
}

/// Prints what a message says, a line for each question and record.
fn lines(message: Message<'_>) -> Vec<String> {
    let questions = message.questions().map(|question| {
        let unicast = if question.unicast() { " QU" } else { "" };
        format!(
            "question {} {}{unicast}",
            question.name(),
            question.record_type()
        )
    });
    let mut lines: Vec<String> = questions.collect();
    lines.extend(message.all_records().map(line));
    if message.skipped() > 0 {
        let fault = message.first_fault().unwrap();
        lines.push(format!("{} skipped: {fault}", message.skipped()));
    }
    lines
}

fn line(record: RecordRef<'_>) -> String {
    let section = match record.section() {
        Section::Answer => "answer",
        Section::Authority => "authority",
        Section::Additional => "additional",
    };
    let class = match record.class() {
        Class::IN if record.cache_flush() => " flush".to_owned(),
        Class::IN => String::new(),
        class => format!(" {class}"),
    };
    let (name, ttl, record_type) = (record.name(), record.ttl().0, record.record_type());
    let rdata = match record.rdata() {
        RdataRef::A(address) => format!(" {address}"),
        RdataRef::Aaaa(address) => format!(" {address}"),
        RdataRef::Ptr(target) | RdataRef::Cname(target) => format!(" {target}"),
        RdataRef::Srv {
            priority,
            weight,
            port,
            target,
        } => {
            format!(" {priority} {weight} {port} {target}")
        }
        RdataRef::Txt(strings) => {
            let strings = Strings::new(strings).map(|string| string.escape_ascii().to_string());
            format!(" {}", strings.collect::<Vec<_>>().join("|"))
        }
        RdataRef::Nsec { next, types } => {
            assert_eq!(next, name, "the next name is the name of the record");
            format!(" {types:?}")
        }
        RdataRef::Opt([]) => String::new(),
        RdataRef::Opt(options) => format!(" {}", options.escape_ascii()),
        rdata => format!(" {rdata:?}"),
    };
    format!("{section} {name}{class} {ttl} {record_type}{rdata}")
}

/// Looks at everything in a message.
fn walk(message: Message<'_>) {
    black_box(message.header());
    for question in message.questions() {
        black_box((question.record_type(), question.class(), question.unicast()));
        question
            .name()
            .labels()
            .for_each(|label| _ = black_box(label));
        black_box(question.name().folded());
    }
    for record in message.all_records() {
        black_box((
            record.record_type(),
            record.class(),
            record.cache_flush(),
            record.ttl(),
        ));
        record
            .name()
            .labels()
            .for_each(|label| _ = black_box(label));
        black_box(record.name().folded());
        black_box(record.rdata());
    }
}

/// Records to compare those of the corpus with.
fn owned_names() -> Vec<Record> {
    let bytes = corpus::sample("01_typical");
    owned_records(Message::read(&bytes, &mut Index::new()).unwrap())
        .into_iter()
        .map(|(_, record)| record)
        .collect()
}

fn owned_records(message: Message<'_>) -> Vec<(Section, Record)> {
    message
        .all_records()
        .map(|record| (record.section(), record.to_record()))
        .collect()
}

fn write_again(writer: &mut Writer, message: Message<'_>, records: &[(Section, Record)]) {
    writer.begin(message.header(), 9000, SrvTargets::Compressed);
    for question in message.questions() {
        writer.repeat_question(question).unwrap();
    }
    for (section, record) in records {
        writer.record(*section, record).unwrap();
    }
}

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;
