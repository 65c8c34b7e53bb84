//! What the device tells about itself: the same lines as the firmware for other boards prints. Portable.

use alloc::format;
use alloc::string::String;

use crate::Configuration;

pub struct Firmware<'a> {
    pub version: &'a str,
    pub chip: &'a str,
}

/// One line each, ending with a line feed.
/// `configuration` is an error where the partition is missing or damaged.
pub fn report(firmware: &Firmware, label: &str, configuration: &Result<Configuration, String>) -> String {
    let mut out = line(&format!("firmware {} for {}", firmware.version, firmware.chip));
    let configuration = match configuration {
        Ok(configuration) => configuration,
        Err(problem) => return out + &line(&visible(problem)),
    };
    let Some(identity) = &configuration.identity else {
        let label = visible(label);
        return out + &line(&format!("no configuration in \"{label}\"; waiting for one to be flashed"));
    };
    out += &line(&format!(
        "device {}, class {}, firmware {}, config {}, generation {}",
        visible(&identity.device),
        visible(&identity.class),
        firmware.version,
        visible(&identity.config),
        identity.generation
    ));
    for setting in &configuration.settings {
        out += &line(&format!(
            "  {}/{} ({})",
            visible(&setting.namespace),
            visible(&setting.key),
            setting.type_name
        ));
    }
    out
}

fn line(text: &str) -> String {
    format!("edgeflock: {text}\n")
}

/// Control characters could make a terminal do something.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
