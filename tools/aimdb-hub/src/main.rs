//! An AimDB for tests with boards. What its records get is printed, a line for each value: `key {"n":1}`.
//!
//!     aimdb-hub serve HOST:PORT [CONNECTIONS]   a hub that boards dial to
//!     aimdb-hub dial HOST:PORT                  an AimDB that mirrors a board's `counter`, and writes its `setting`
//!
//! The hub's `counter` counts; `log`, a ring, and `setting` may be written; `closed` may not.

use aimdb_core::buffer::BufferCfg;
use aimdb_core::remote::{AimxConfig, SecurityPolicy};
use aimdb_core::session::ClientConfig;
use aimdb_core::{AimDbBuilder, RecordRegistrar};
use aimdb_tcp_connector::{connector::TcpServer, TcpClient};
use aimdb_tokio_adapter::{net::TokioNet, TokioAdapter, TokioRecordRegistrarExt};
use serde::{Deserialize, Serialize};
use std::{env, io::Write, sync::Arc};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Number {
    n: u64,
}

/// Prints what the record gets.
fn shown(record: &mut RecordRegistrar<'_, Number>, key: &'static str) {
    record.tap(move |_context, consumer| async move {
        let mut reader = consumer.subscribe();
        while let Ok(value) = reader.recv().await {
            println!("{key} {}", serde_json::to_string(&value).unwrap());
            std::io::stdout().flush().unwrap();
        }
    });
}

/// Has the record count.
fn counting(record: &mut RecordRegistrar<'_, Number>) {
    record.source(|context, producer| async move {
        for n in 1.. {
            producer.produce(Number { n });
            context.time().sleep_millis(20).await;
        }
    });
}

async fn hub(address: &str, connections: usize) -> AimDbBuilder {
    let mut policy = SecurityPolicy::read_write();
    policy.allow_write_key("log");
    policy.allow_write_key("setting");
    let config = AimxConfig::uds_default().security_policy(policy).max_connections(connections);
    let listener = TokioNet::listen(address).await.expect("the port is free");
    let mut builder = AimDbBuilder::new()
        .runtime(Arc::new(TokioAdapter))
        .with_connector(TcpServer::new(listener).with_config(config));
    builder.configure::<Number>("counter", |record| {
        counting(record.buffer(BufferCfg::SingleLatest).with_remote_access());
    });
    builder.configure::<Number>("log", |record| {
        shown(record.buffer(BufferCfg::SpmcRing { capacity: 4096 }).with_remote_access(), "log");
    });
    for key in ["setting", "closed"] {
        builder.configure::<Number>(key, |record| {
            shown(record.buffer(BufferCfg::SingleLatest).with_remote_access(), key);
        });
    }
    builder
}

fn client(address: &str) -> AimDbBuilder {
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    let dialer = TcpClient::new(TokioNet::tcp(), host, port.parse().expect("a port"));
    let mut builder = AimDbBuilder::new()
        .runtime(Arc::new(TokioAdapter))
        .with_connector(dialer.with_config(ClientConfig::default()));
    builder.configure::<Number>("counter", |record| {
        shown(record.buffer(BufferCfg::SingleLatest), "counter");
        record
            .link_from("tcp://counter")
            .with_deserializer(|_context, bytes: &[u8]| {
                serde_json::from_slice::<Number>(bytes).map_err(|error| error.to_string())
            })
            .finish();
    });
    builder.configure::<Number>("setting", |record| {
        counting(record.buffer(BufferCfg::SingleLatest));
        record
            .link_to("tcp://setting")
            .with_serializer(|_context, value: &Number| Ok(serde_json::to_vec(value).unwrap()))
            .finish();
    });
    builder
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = env::args().collect();
    let builder = if arguments[1] == "serve" {
        hub(&arguments[2], arguments.get(3).map_or(16, |text| text.parse().expect("a number"))).await
    } else {
        client(&arguments[2])
    };
    let (_db, runner) = builder.build().await.expect("it is configured well");
    println!("up");
    runner.run().await;
}
