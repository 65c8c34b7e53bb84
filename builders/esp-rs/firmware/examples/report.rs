//! `report FILE`: what the firmware would say with this configuration partition. For tests on a host.
use edgeflock_esp_rs::{Firmware, read_configuration, report};

fn main() {
    let path = std::env::args_os().nth(1).expect("the path of a configuration image");
    let image = std::fs::read(path).expect("a readable configuration image");
    let firmware = Firmware { version: "0.0.0", chip: "host" };
    print!("{}", report(&firmware, "cfg", &read_configuration(image)));
}
