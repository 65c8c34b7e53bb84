//! Reads the configuration partition. The keys are those that every firmware relies on: namespace `edgeflock`.
//! NVS format and page handling are the crate `esp-nvs`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use esp_nvs::error::Error;
use esp_nvs::mem_flash::MemFlash;
use esp_nvs::{ItemType, Key, Nvs};

const OWN: Key = Key::from_str("edgeflock");

pub struct Configuration {
    /// Absent where the partition names no device.
    pub identity: Option<Identity>,
    /// By namespace and key; never with values, because an image does not say which of them are secret.
    pub settings: Vec<Setting>,
}

pub struct Identity {
    pub device: String,
    pub class: String,
    /// Digest of the settings.
    pub config: String,
    /// Generation of the credentials, from 1.
    pub generation: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    pub namespace: String,
    pub key: String,
    pub type_name: &'static str,
}

/// `partition` is a copy of the whole partition; its length is a multiple of 4096 bytes.
pub fn read_configuration(partition: Vec<u8>) -> Result<Configuration, String> {
    let size = partition.len();
    let mut nvs = Nvs::new(0, size, MemFlash::from_bytes(partition)).map_err(|error| error.to_string())?;
    let mut settings = Vec::new();
    for entry in nvs.typed_entries() {
        let (namespace, key, kind) = entry.map_err(|error| error.to_string())?;
        settings.push(Setting {
            namespace: namespace.as_str().to_string(),
            key: key.as_str().to_string(),
            type_name: name_of(kind),
        });
    }
    settings.sort();
    settings.dedup();
    Ok(Configuration { identity: read_identity(&mut nvs)?, settings })
}

fn read_identity(nvs: &mut Nvs<MemFlash>) -> Result<Option<Identity>, String> {
    let device = text(nvs, "device")?;
    if device.is_empty() {
        return Ok(None);
    }
    Ok(Some(Identity {
        device,
        class: text(nvs, "class")?,
        config: text(nvs, "config")?,
        generation: generation(nvs)?,
    }))
}

/// Empty where the key is missing.
fn text(nvs: &mut Nvs<MemFlash>, key: &str) -> Result<String, String> {
    absent_as_default(nvs.get::<String>(&OWN, &Key::from_str(key)), key)
}

/// Its width is the writer's choice.
fn generation(nvs: &mut Nvs<MemFlash>) -> Result<u64, String> {
    let key = Key::from_str("gen");
    match nvs.get::<u32>(&OWN, &key) {
        Err(Error::ItemTypeMismatch(ItemType::U8)) => absent_as_default(nvs.get::<u8>(&OWN, &key).map(u64::from), "gen"),
        Err(Error::ItemTypeMismatch(ItemType::U16)) => {
            absent_as_default(nvs.get::<u16>(&OWN, &key).map(u64::from), "gen")
        }
        Err(Error::ItemTypeMismatch(ItemType::U64)) => absent_as_default(nvs.get::<u64>(&OWN, &key), "gen"),
        other => absent_as_default(other.map(u64::from), "gen"),
    }
}

fn absent_as_default<T: Default>(result: Result<T, Error>, key: &str) -> Result<T, String> {
    match result {
        Err(Error::NamespaceNotFound | Error::KeyNotFound) => Ok(T::default()),
        other => other.map_err(|error| alloc::format!("edgeflock/{key}: {error}")),
    }
}

fn name_of(kind: ItemType) -> &'static str {
    match kind {
        ItemType::U8 => "u8",
        ItemType::I8 => "i8",
        ItemType::U16 => "u16",
        ItemType::I16 => "i16",
        ItemType::U32 => "u32",
        ItemType::I32 => "i32",
        ItemType::U64 => "u64",
        ItemType::I64 => "i64",
        ItemType::Sized => "string",
        _ => "blob",
    }
}
