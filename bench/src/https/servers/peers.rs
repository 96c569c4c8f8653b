//! How the peers are set up: one worker each, all in memory, one fetch for an object however many want it where they can.

use std::{os::unix::fs::MetadataExt, path::Path, process::Command};

use anyhow::Result;

use super::Kind;
use crate::{Plan, server::Server};

/// Files that each may have open: two for each of the largest crowd's connections.
const FILES: u32 = 16_384;

/// With the buffers that make it fastest over TLS, and the lock that lets one request through to the origin.
pub(super) async fn nginx(plan: &Plan, dir: &Path, origin: u16) -> Result<Server> {
    let at = dir.display();
    let config = dir.join("nginx-https.conf");
    let (tls, plain) = (plan.port(Kind::Nginx.tls()), plan.port(Kind::Nginx.plain()));
    std::fs::write(
        &config,
        format!(
            "daemon off;\nmaster_process on;\nworker_processes 1;\nworker_rlimit_nofile {FILES};\npid {at}/nginx-https.pid;\nerror_log stderr;\n\
             events {{ worker_connections {FILES}; }}\n\
             http {{\n access_log off;\n keepalive_requests 1000000000; keepalive_timeout 600;\n\
             proxy_cache_path /dev/shm/footlight-bench levels=1 keys_zone=c:10m max_size=1g use_temp_path=off;\n\
             server {{\n listen 127.0.0.1:{tls} ssl http2 backlog=8192;\n listen 127.0.0.1:{plain} backlog=8192;\n\
             ssl_certificate {at}/cert.pem;\n ssl_certificate_key {at}/key.pem;\n\
             ssl_protocols TLSv1.3;\n sendfile off;\n output_buffers 4 256k;\n tcp_nodelay on;\n\
             location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_cache c; proxy_cache_valid 200 1h;\n\
             proxy_cache_valid 404 1s; proxy_cache_use_stale updating error timeout http_500 http_502 http_503 http_504;\n\
             proxy_cache_background_update on; proxy_cache_lock on; proxy_cache_lock_timeout 10s; proxy_cache_lock_age 10s;\n\
             proxy_http_version 1.1; }}\n }}\n}}\n"
        ),
    )?;
    // What an earlier one has kept there is not from this origin.
    let _none = std::fs::remove_dir_all("/dev/shm/footlight-bench");
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&config).arg("-p").arg(dir);
    Server::start(&mut command, tls, &dir.join("nginx-https.log")).await
}

/// Its cache joins no requests.
pub(super) async fn haproxy(plan: &Plan, dir: &Path, origin: u16) -> Result<Server> {
    let at = dir.display();
    let config = dir.join("haproxy.cfg");
    let tls = plan.port(Kind::Haproxy.tls());
    let plain = plan.port(Kind::Haproxy.plain());
    std::fs::write(
        &config,
        format!(
            "global\n nbthread 1\n maxconn 8000\n ssl-default-bind-options ssl-min-ver TLSv1.3\n\
             defaults\n mode http\n timeout connect 5s\n timeout client 600s\n timeout server 600s\n\
             cache c\n total-max-size 1024\n max-object-size 4000000\n max-age 3600\n\
             frontend f\n bind 127.0.0.1:{tls} backlog 8192 ssl crt {at}/both.pem\n bind 127.0.0.1:{plain} backlog 8192\n\
             \x20http-request cache-use c\n http-response cache-store c\n default_backend b\n\
             backend b\n server o 127.0.0.1:{origin}\n"
        ),
    )?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(&config);
    Server::start(&mut command, tls, &dir.join("haproxy.log")).await
}

/// Two servers, joined by a socket in `dir`.
pub(super) async fn varnish(plan: &Plan, dir: &Path, origin: u16) -> Result<Vec<Server>> {
    let at = dir.display();
    let tls = plan.port(Kind::Varnish.tls());
    let plain = plan.port(Kind::Varnish.plain());
    let rules = dir.join("varnish.vcl");
    std::fs::write(
        &rules,
        format!(
            "vcl 4.1;\nbackend origin {{ .host = \"127.0.0.1\"; .port = \"{origin}\"; .first_byte_timeout = 60s; }}\n"
        ),
    )?;
    let mut command = Command::new("varnishd");
    command
        .args(["-F", "-j", "none", "-T", "none", "-s", "malloc,1g"])
        .args(["-p", "thread_pools=1", "-p", "thread_pool_min=200"])
        .args(["-p", "timeout_idle=600"])
        .arg("-n")
        .arg(dir.join("varnish"))
        .args(["-a", &format!("127.0.0.1:{plain}")])
        .args(["-a", &format!("hitch={at}/varnish.sock,PROXY,mode=666")])
        .arg("-f")
        .arg(&rules);
    let varnish = Server::start(&mut command, plain, &dir.join("varnish.log")).await?;
    let config = dir.join("hitch.conf");
    // As root it wants to be somebody else.
    let user = if std::fs::metadata("/proc/self")?.uid() == 0 {
        "user = \"nobody\"\n"
    } else {
        ""
    };
    std::fs::write(
        &config,
        format!(
            "frontend = \"[127.0.0.1]:{tls}\"\nbackend = \"{at}/varnish.sock\"\npem-file = \"{at}/both.pem\"\n\
             workers = 1\nbacklog = 8192\ntls-protos = TLSv1.3\nwrite-proxy-v2 = on\ndaemon = off\nsyslog = off\n{user}"
        ),
    )?;
    let mut command = Command::new("hitch");
    command.arg(format!("--config={}", config.display()));
    let hitch = Server::start(&mut command, tls, &dir.join("hitch.log")).await?;
    Ok(vec![varnish, hitch])
}
