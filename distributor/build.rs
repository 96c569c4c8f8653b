//! Puts the watch page, as `make page` built it, into the binary.
//!
//! `page/dist/manifest.json` names the files and how each is served; each has its `.br` and `.gz` beside it.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to a build script through its environment"
)]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hasher},
    path::{Path, PathBuf},
};

#[derive(serde::Deserialize)]
struct Manifest {
    page: String,
    assets: String,
    policy: String,
    files: BTreeMap<String, File>,
}

#[derive(serde::Deserialize)]
struct File {
    r#type: String,
}

fn main() {
    if let Err(error) = embed() {
        say(&format!("cargo::error={error}"));
    }
}

fn embed() -> Result<(), String> {
    let root = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    let dist = root.join("page/dist");
    say("cargo::rerun-if-changed=page/dist/manifest.json");
    let manifest = fs::read_to_string(dist.join("manifest.json"))
        .map_err(|error| format!("the watch page is not built ({error}): run `make page` first"))?;
    let manifest: Manifest = serde_json::from_str(&manifest).map_err(|error| {
        format!("page/dist/manifest.json is not understood ({error}): run `make page` again")
    })?;
    let mut code = format!(
        "static POLICY: &str = {:?};\nstatic EMBED_POLICY: &str = {:?};\n",
        format!("{}; frame-ancestors 'none'", manifest.policy),
        format!("{}; frame-ancestors *", manifest.policy),
    );
    let page = manifest
        .files
        .get(&manifest.page)
        .ok_or("the manifest has no page: run `make page` again")?;
    let page = file(&dist, &manifest.page, "", page)?;
    code.push_str(&format!(
        "static PAGE: File = {page};\nstatic FILES: &[File] = &[\n"
    ));
    for (name, entry) in manifest
        .files
        .iter()
        .filter(|(name, _)| **name != manifest.page)
    {
        let path = format!("{}{name}", manifest.assets);
        code.push_str(&format!("{},\n", file(&dist, name, &path, entry)?));
    }
    code.push_str("];\n");
    let out = std::env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    fs::write(out.join("page.rs"), code)
        .map_err(|error| format!("the page cannot be embedded: {error}"))
}

/// One `File { .. }` expression.
fn file(dist: &Path, name: &str, path: &str, entry: &File) -> Result<String, String> {
    let whole = dist.join(name);
    say(&format!("cargo::rerun-if-changed={}", whole.display()));
    let bytes = fs::read(&whole)
        .map_err(|error| format!("{}: {error}: run `make page` again", whole.display()))?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    let etag = format!("W/\"{:016x}\"", hasher.finish());
    let mut code = String::new();
    write!(
        code,
        "File {{ path: {path:?}, content_type: {:?}, etag: {etag:?}",
        entry.r#type
    )
    .map_err(|error| error.to_string())?;
    for (field, suffix) in [("identity", ""), ("br", ".br"), ("gzip", ".gz")] {
        let variant = dist.join(format!("{name}{suffix}"));
        if !variant.is_file() {
            return Err(format!(
                "{} is missing: run `make page` again",
                variant.display()
            ));
        }
        write!(code, ", {field}: include_bytes!({variant:?})")
            .map_err(|error| error.to_string())?;
    }
    code.push_str(" }");
    Ok(code)
}

// This is how a build script speaks to cargo.
fn say(line: &str) {
    println!("{line}");
}
