//! The firmware on its board: finds the configuration partition, says over UART who it is, and says it again.
//! Reads the flash; writes nothing to it.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use edgeflock_esp_rs::{Configuration, Firmware, read_configuration, report};
use esp_backtrace as _;
use esp_bootloader_esp_idf::partitions::{PARTITION_TABLE_MAX_LEN, read_partition_table};
use esp_hal::peripherals::FLASH;
use esp_hal::time::{Duration, Instant};
use esp_println::print;
use esp_storage::FlashStorage;

/// Whoever builds says these; see builder.ts beside the crate.
const VERSION: &str = env!("EDGEFLOCK_VERSION");
const CHIP: &str = env!("EDGEFLOCK_CHIP");
const LABEL: &str = env!("EDGEFLOCK_CONFIG_LABEL");

/// Holds the copy of the partition, and what is read of it.
const HEAP_BYTES: usize = 160 * 1024;
const LARGEST_PARTITION: usize = 96 * 1024;
const REPEAT_AFTER: Duration = Duration::from_secs(30);

// No time and no date, so that two builds give the same bytes; the macro takes no text of length 0.
esp_bootloader_esp_idf::esp_app_desc!(
    VERSION,
    "edgeflock-esp-rs",
    "\0",
    "\0",
    esp_bootloader_esp_idf::ESP_IDF_COMPATIBLE_VERSION,
    esp_bootloader_esp_idf::MMU_PAGE_SIZE,
    0,
    u16::MAX,
    esp_bootloader_esp_idf::SECURE_VERSION
);

#[esp_hal::main]
fn main() -> ! {
    let peripherals = esp_hal::init(esp_hal::Config::default());
    esp_alloc::heap_allocator!(size: HEAP_BYTES);
    let configuration = configuration(peripherals.FLASH);
    let lines = report(&Firmware { version: VERSION, chip: CHIP }, LABEL, &configuration);
    loop {
        print!("{lines}");
        let said = Instant::now();
        while said.elapsed() < REPEAT_AFTER {}
    }
}

fn configuration(flash: FLASH<'_>) -> Result<Configuration, String> {
    let mut storage = FlashStorage::new(flash);
    read_configuration(copy_partition(&mut storage)?)
}

fn copy_partition(storage: &mut FlashStorage<'_>) -> Result<Vec<u8>, String> {
    let mut buffer = [0; PARTITION_TABLE_MAX_LEN];
    let table = read_partition_table(storage, &mut buffer).map_err(|_| "the partition table is damaged".to_string())?;
    let partition = table
        .iter()
        .find(|partition| partition.label_as_str() == LABEL)
        .ok_or("the partition table has no configuration partition")?;
    let size = partition.len() as usize;
    if size == 0 || size % 4096 != 0 || size > LARGEST_PARTITION {
        return Err("the configuration partition has a size that this firmware cannot read".to_string());
    }
    let mut bytes = vec![0; size];
    partition
        .as_flash_region(storage)
        .read(0, &mut bytes)
        .map_err(|_| "the configuration partition cannot be read".to_string())?;
    Ok(bytes)
}
