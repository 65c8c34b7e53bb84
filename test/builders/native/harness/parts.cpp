// Checks of the firmware's parts, one function a part. Prints how many there were; exits 1 with a line for each
// that failed.
#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "core/backoff.h"
#include "core/bytes.h"
#include "core/config_file.h"
#include "core/config_move.h"
#include "core/csv.h"
#include "core/device.h"
#include "core/mqtt_packet.h"
#include "core/topics.h"
#include "drivers/drivers.h"
#include "checks.h"
#include "fake_board.h"

namespace {

std::vector<Packet> readAll(const std::string &bytes, size_t limit, bool &failed) {
  PacketReader reader(limit);
  std::vector<Packet> packets;
  for (size_t at = 0; at < bytes.size() && !reader.failed();) {
    at += reader.feed(reinterpret_cast<const uint8_t *>(bytes.data()) + at, std::min<size_t>(3, bytes.size() - at));
    Packet packet;
    if (reader.take(packet)) packets.push_back(packet);
  }
  failed = reader.failed();
  return packets;
}

std::string publish(const std::string &topic, const std::string &payload, bool retained = false, uint16_t id = 0) {
  return encodePublishHeader(topic, payload.size(), {retained, id, false}) + payload;
}

/// As a broker answers: an acknowledgement of each message with QoS 1 in what a client sent.
std::string acknowledgements(const std::string &sent) {
  bool failed = false;
  std::string answers;
  Message message;
  for (const Packet &packet : readAll(sent, 100000, failed)) {
    const bool isMessage = packet.type == static_cast<uint8_t>(PacketType::publish);
    if (isMessage && decodePublish(packet, message) && message.id != 0) answers += encodePuback(message.id);
  }
  return answers;
}

/// What stands at a topic among what a client sent.
std::vector<Message> messagesAt(const std::string &sent, const std::string &topic, bool again = false) {
  bool failed = false;
  std::vector<Message> found;
  Message message;
  for (const Packet &packet : readAll(sent, 100000, failed)) {
    const bool isMessage = packet.type == static_cast<uint8_t>(PacketType::publish);
    const bool wasSent = (packet.flags & 0x08) != 0;
    if (isMessage && decodePublish(packet, message) && message.topic == topic && wasSent == again) found.push_back(message);
  }
  return found;
}

bool sends(const std::string &sent, const std::string &topic, const std::string &payload) {
  for (const Message &message : messagesAt(sent, topic)) {
    if (message.payload.compare(0, payload.size(), payload) == 0) return true;
  }
  return false;
}

void packets() {
  bool failed = false;
  const std::string long_(300, 'x');
  std::vector<Packet> read = readAll(publish("a/b", "hello") + publish("c", long_, true) + encodePingreq(), 1000, failed);
  check(!failed && read.size() == 3, "three packets in pieces of three bytes");
  Message message;
  check(decodePublish(read[0], message) && message.topic == "a/b" && message.payload == "hello" && !message.retained,
        "a message");
  check(decodePublish(read[1], message) && message.payload == long_ && message.retained, "a long, retained message");
  read = readAll(publish("a", long_) + publish("b", "short"), 100, failed);
  check(read.size() == 2 && read[0].cut && read[0].body.size() == 100 && decodePublish(read[1], message) &&
            message.topic == "b", "what is too long is dropped, and the next is read");
  check(encodePublishHeader("", 1, {}).empty(), "no topic, no packet");
  check(encodePublishHeader(std::string(70000, 'x'), 1, {}).empty(), "a topic that is too long");
  check(encodePublishHeader("a", 268435456, {}).empty(), "a payload that is too long");
  check(encodeSubscribe(1, {}).empty() && encodeSubscribe(1, {""}).empty(), "no filter, no packet");
  const std::string header = encodePublishHeader("abc", 200, {true, 0, false});
  check(header == std::string("\x31\xCD\x01\x00\x03" "abc", 8), "the bytes of a message's header");
  read = readAll(publish("a", long_, false, 258), 100, failed);
  check(read[0].flags == 2 && decodePublish(read[0], message) && message.id == 258, "the id of what is too long");
  check(encodePublishHeader("a", 1, {false, 258, true}) == std::string("\x3A\x06\x00\x01" "a\x01\x02", 7),
        "the bytes of a message that is sent again");
  check(encodePuback(258) == std::string("\x40\x02\x01\x02", 4), "the bytes of an acknowledgement");
  ConnectOptions options;
  options.clientId = "d";
  options.username = "u";
  options.password = "p";
  options.willTopic = "t";
  options.willMessage = "w";
  const std::string connect("\x10\x19\x00\x04MQTT\x04\xEC\x00\x3C\x00\x01" "d\x00\x01t\x00\x01w\x00\x01u\x00\x01p", 27);
  check(encodeConnect(options) == connect, "the bytes of a connect with a will");
  options.password.clear();
  const std::string byCertificate("\x10\x16\x00\x04MQTT\x04\xAC\x00\x3C\x00\x01" "d\x00\x01t\x00\x01w\x00\x01u", 24);
  check(encodeConnect(options) == byCertificate, "the bytes of a connect without a password");
  options.password = std::string(65536, 'x');
  check(encodeConnect(options).empty(), "a password that is too long");
}

void damagedPackets() {
  bool failed = false;
  for (const char *bytes : {"\x30\xFF\xFF\xFF\xFF\x01", "\x01", "\xF1"}) {
    readAll(bytes, 100, failed);
    check(failed, "no MQTT");
  }
  Message message;
  for (const std::string &body : {std::string(), std::string("\0", 1), std::string("\0\0x", 3), std::string("\0\x05" "ab", 4),
                                  std::string("\0\1#", 3), std::string("\0\2a\0", 4)}) {
    check(!decodePublish({3, 0, body, false}, message), "a damaged message");
  }
  check(!decodePublish({3, 4, std::string("\0\1a\0\1", 5), false}, message), "a QoS that was not asked for");
  check(!decodePublish({3, 2, std::string("\0\1a\1", 4), false}, message), "an id that is cut off");
  check(!decodePublish({3, 2, std::string("\0\1a\0\0", 5), false}, message), "an id that is none");
  uint8_t code = 0;
  uint16_t id = 0;
  std::vector<uint8_t> codes;
  check(!decodeConnack({2, 0, "x", false}, code) && !decodeSuback({9, 0, "xx", false}, id, codes) &&
            !decodePuback({4, 0, "x", false}, id), "damaged answers");

  std::mt19937 random(1);  // noise of any kind must only be refused or read, never more
  for (int round = 0; round < 3000; round++) {
    std::string noise;
    for (auto at = random() % 200; at > 0; at--) noise += static_cast<char>(random() % (round % 2 == 0 ? 256 : 64));
    for (const Packet &packet : readAll(noise, 64, failed)) {
      decodePublish(packet, message);
      decodeConnack(packet, code);
      decodePuback(packet, id);
      decodeSuback(packet, id, codes);
    }
  }
  check(true, "noise");
}

void waits() {
  for (const uint32_t random : {0U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    Backoff backoff;
    uint64_t base = Backoff::kFirst;
    for (int turn = 0; turn < 20; turn++) {
      const uint32_t wait = backoff.next(random);
      check(wait >= base / 2 && wait <= base, "a wait between the half and the whole");
      base = std::min<uint64_t>(base * 2, Backoff::kLongest);
    }
    backoff.connectionHeld(Backoff::kSteady - 1);
    check(backoff.next(random) >= Backoff::kLongest / 2, "a short connection changes nothing");
    backoff.connectionHeld(Backoff::kSteady);
    check(backoff.next(random) <= Backoff::kFirst, "a steady one starts anew");
  }
}

void topics() {
  const std::vector<std::string> filters = {"s/d/command/#", "s/_all/#"};
  check(commandOf("s/d/command/restart", filters) == "restart", "an own command");
  check(commandOf("s/_all/a/b", filters) == "a/b", "a command to all");
  for (const char *topic : {"s/d/command", "s/d/command/", "s/d/commandx/y", "s/e/command/x", ""}) {
    check(commandOf(topic, filters).empty(), std::string("no command: ") + topic);
  }
  Identity identity;
  identity.device = "a\"b";
  identity.deviceClass = "c";
  identity.config = "d";
  identity.generation = 7;
  check(announcement(identity, "1") ==
            "{\"device\":\"a\\\"b\",\"class\":\"c\",\"firmware\":\"1\",\"config\":\"d\",\"gen\":7}", "the announcement");
}

NvsValue text(const char *space, const char *key, const std::string &value) {
  NvsValue made;
  made.space = space;
  made.key = key;
  made.type = NvsType::string;
  made.bytes = value;
  return made;
}

NvsValue number(const char *space, const char *key, int64_t value) {
  NvsValue made;
  made.space = space;
  made.key = key;
  made.type = NvsType::i64;
  made.bits = static_cast<uint64_t>(value);
  return made;
}

NvsValue generation(uint32_t value) {
  NvsValue made = number("edgeflock", "gen", value);
  made.type = NvsType::u32;
  return made;
}

void settings() {
  NvsContents contents;
  contents.values = {text("a", "n", "-42"), text("a", "x", "4x"), text("a", "long", "9999999999999999999"),
                     number("a", "i", -7), text("a", "yes", "true"), text("a", "no", "false"), number("a", "zero", 0)};
  const Settings view(contents);
  check(view.number("a", "n", 1) == -42 && view.number("a", "i", 1) == -7, "numbers");
  check(view.number("a", "x", 1) == 1 && view.number("a", "long", 1) == 1 && view.number("b", "n", 1) == 1, "no numbers");
  check(view.numberWithin("a", "i", 0, 5, 3) == 3, "a number outside of its range");
  check(view.flag("a", "yes", false) && !view.flag("a", "no", true) && !view.flag("a", "zero", true) &&
            view.flag("a", "none", true), "flags");
}

std::string parse(const std::string &rows, std::vector<NvsValue> &values) {
  values.clear();
  return parseConfigCsv("key,type,encoding,value\n" + rows, values);
}

void csv() {
  std::vector<NvsValue> values;
  check(parse("a,namespace,,\r\nk,data,string,\"x,\"\"y\"\"\nz\"\r\nn,data,i8,-128\nb,data,hex2bin,0aFF\n", values).empty() &&
            values.size() == 3 && values[0].bytes == "x,\"y\"\nz" && values[1].decimal() == "-128" &&
            values[2].bytes == "\x0A\xFF", "values of each kind");
  check(parse("a,namespace,,\nk,data,u64,18446744073709551615\nl,data,i64,-9223372036854775808\n", values).empty() &&
            values[0].decimal() == "18446744073709551615" && values[1].decimal() == "-9223372036854775808", "ends of the numbers");
  for (const char *row : {"k,data,u8,256", "k,data,i8,128", "k,data,i8,-129", "k,data,u8,-1", "k,data,u8,", "k,data,u8,-",
                          "k,data,u8,1.5", "k,data,u64,18446744073709551616", "k,data,what,1", "k,file,string,x",
                          "k,data,base64,A", "k,data,base64,!!!!", "k,data,hex2bin,abc", "k,data,hex2bin,zz", "k,data,string",
                          "k,data,string,\"x", "k,data,string,\"x\"y", ",data,string,x", "sixteen-letters-,data,string,x"}) {
    check(!parse("a,namespace,,\n" + std::string(row) + "\n", values).empty(), std::string("refused: ") + row);
  }
  check(!parse("k,data,u8,1\n", values).empty() && !parseConfigCsv("", values).empty() &&
            !parseConfigCsv("k,data,u8,1\n", values).empty(), "no namespace, no header, nothing");

  const std::string row = "key,type,encoding,value\na,namespace,,\n";
  std::vector<uint8_t> area(4096, 0xFF);
  check(readConfigFile(area.data(), area.size()).state == ConfigFile::State::blank, "a blank partition");
  std::mt19937 random(2);
  for (int round = 0; round < 2000; round++) {
    for (size_t at = 0; at < 64; at++) area[at] = static_cast<uint8_t>(random());
    if (round % 2 == 0) std::copy_n("EDGEFCFG", 8, area.begin());
    check(readConfigFile(area.data(), area.size()).state == ConfigFile::State::damaged, "noise is no file");
    std::string noise = row;
    for (int at = 0; at < 40; at++) noise += "a,\"\n\r=0-"[random() % 9];
    parseConfigCsv(noise, values);
  }
}

void drivers() {
  FakeBoard board;
  NvsContents contents;
  contents.values = {number("t", "pin", 4), number("v", "pin", 34), number("v", "factor", 2000), number("w", "pin", 5)};
  const Settings view(contents);
  Reading reading;
  check(make_adc(board, view, "v")->read(reading).empty() && reading[0].second == 3000, "millivolts times two");
  check(make_adc(board, view, "w")->read(reading) == "pin 5 is no analogue input", "no analogue input");
  check(make_adc(board, view, "x")->read(reading) == "it has no pin: set x.pin", "no pin");

  // 25.0625 degrees and -10.125 degrees are examples of the datasheet
  for (const auto &[low, high, expected] : {std::tuple{0x91, 0x01, 25.0625}, std::tuple{0x5E, 0xFF, -10.125}}) {
    std::vector<uint8_t> pad = {static_cast<uint8_t>(low), static_cast<uint8_t>(high), 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10};
    unsigned crc = 0;
    for (const uint8_t byte : pad) {
      crc ^= byte;
      for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x8C : crc >> 1;
    }
    pad.push_back(static_cast<uint8_t>(crc));
    board.pinsHere.levels = {false, false};  // there at both resets
    for (const uint8_t byte : pad) {
      for (int bit = 0; bit < 8; bit++) board.pinsHere.levels.push_back(((byte >> bit) & 1) != 0);
    }
    check(make_ds18b20(board, view, "t")->read(reading).empty() && reading[0].second == expected, "a DS18B20");
  }
  board.pinsHere.levels = {false, false};
  check(make_ds18b20(board, view, "t")->read(reading) == "what it said was garbled", "a DS18B20 with a wrong checksum");
  board.pinsHere.levels = {true};
  check(make_ds18b20(board, view, "t")->read(reading) == "nothing answers at pin 4", "no DS18B20");

  // 65.2 % and 35.1 degrees, and -10.1 degrees, are examples of the manual
  for (const auto &[bytes, celsius] : {std::pair{std::vector<int>{0x02, 0x8C, 0x01, 0x5F, 0xEE}, 35.1},
                                       std::pair{std::vector<int>{0x02, 0x8C, 0x80, 0x65, 0x73}, -10.1}}) {
    board.pinsHere.pulses = {30, 80, 80};
    for (const int byte : bytes) {
      for (int bit = 7; bit >= 0; bit--) {
        board.pinsHere.pulses.push_back(50);
        board.pinsHere.pulses.push_back(((byte >> bit) & 1) != 0 ? 70 : 26);
      }
    }
    check(make_dht22(board, view, "t")->read(reading).empty() && reading[0].second == celsius && reading[1].second == 65.2,
          "a DHT22");
  }
  board.pinsHere.pulses.clear();
  check(make_dht22(board, view, "t")->read(reading) == "nothing answers at pin 4", "no DHT22");

  // the example of the BMP280's datasheet, 3.12, whose formulas for temperature and pressure are the same
  const auto put = [&](uint8_t reg, int value) {
    board.bus.registers[reg] = static_cast<uint8_t>(value);
    board.bus.registers[static_cast<uint8_t>(reg + 1)] = static_cast<uint8_t>(value >> 8);
  };
  board.bus.registers[0xD0] = 0x60;
  int reg = 0x88;
  for (const int value : {27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000}) {
    put(static_cast<uint8_t>(reg), value);
    reg += 2;
  }
  const uint8_t raw[] = {415148 >> 12, (415148 >> 4) & 0xFF, (415148 << 4) & 0xF0, 519888 >> 12, (519888 >> 4) & 0xFF,
                         (519888 << 4) & 0xF0};
  for (size_t at = 0; at < sizeof raw; at++) board.bus.registers[static_cast<uint8_t>(0xF7 + at)] = raw[at];
  check(make_bme280(board, view, "b")->read(reading).empty() && std::abs(reading[0].second - 25.08) < 0.01 &&
            std::abs(reading[2].second - 1006.5327) < 0.001, "a BME280");
  board.bus.registers[0xD0] = 0x58;
  check(make_bme280(board, view, "b")->read(reading) == "what answers at its address is no BME280", "a BMP280");
  board.bus.answers = false;
  check(make_bme280(board, view, "b")->read(reading) == "nothing answers at its address", "no BME280");
  check(make_gnss(board, view, "g")->read(reading) == "no position yet", "no position");
  const auto wave = make_simulated(board, view, "s");
  check(wave->read(reading).empty() && reading[0].second == 20 && wave->read(reading).empty() && reading[0].second > 20.5,
        "a wave");
  check(numberText(1.0 / 3) == "0.333333333" && numberText(-12.5) == "-12.5", "numbers as text");
}

Boot configured(bool tls, bool whole = true) {
  Boot boot;
  boot.contents.values = {text("edgeflock", "device", "d"), text("edgeflock", "class", "c"),
                          text("edgeflock", "config", "0123456789abcdef"), generation(2),
                          text("mqtt", "host", "broker"), number("mqtt", "tls", tls ? 1 : 0), text("mqtt", "username", "u"),
                          text("mqtt", "password", "secret"), text("mqtt", "subscribe", "s/d/command/#\ns/_all/#"),
                          number("telemetry", "interval", 10), number("off", "enabled", 0)};
  if (whole) boot.contents.values.push_back(text("mqtt", "topic", "s/d"));
  boot.identity = readIdentity(boot.contents);
  return boot;
}

const std::vector<SensorEntry> kSensors = {{"sim", make_simulated, ""}, {"off", make_simulated, ""}, {"sys", make_system, ""}};

void life() {
  FakeBoard board;
  const Boot boot = configured(false);
  Device device(board, boot, kSensors, "9.9");
  board.stream.problem = "nobody there";
  for (int turn = 0; turn < 100; turn++) {
    device.step();
    board.sleep(100);
  }
  check(board.stream.opened >= 3 && board.stream.opened <= 5, "it tries again, later each time");
  check(board.said("no connection to broker:1883: nobody there"), "it says why");

  board.stream.problem.clear();
  for (int turn = 0; turn < 3000 && !board.stream.isOpen; turn++) {
    device.step();
    board.sleep(10);
  }
  check(board.said("connected to broker:1883 without TLS as u"), "it connects");
  check(sends(board.stream.sent, "s/d/$edgeflock", "{\"device\":\"d\",\"class\":\"c\",\"firmware\":\"9.9\",\"config\":"
                               "\"0123456789abcdef\",\"gen\":2}"), "it announces itself");
  check(sends(board.stream.sent, "s/d/$state", "ready"), "it is ready");
  check(board.stream.sent.find(std::string("\0\12s/d/$state\0\4lost", 18)) != std::string::npos, "its last will");
  device.step();
  check(sends(board.stream.sent, "s/d/sim", "20"), "it measures");
  check(sends(board.stream.sent, "s/d/sys/heap", "4096"), "it measures several things");
  board.stream.incoming += acknowledgements(board.stream.sent);
  check(board.stream.sent.find("s/d/off") == std::string::npos, "what is off is not measured");

  const auto hears = [&](const std::string &bytes) {
    board.stream.sent.clear();
    board.stream.incoming += bytes;
    device.step();
    return board.stream.sent;
  };
  check(sends(hears(publish("s/d/command/still", "")), "s/d/still", "\xD8\xD8"), "a still");
  check(sends(hears(publish("s/_all/fly", "")), "s/d/$reply", "{\"command\":\"fly\",\"error\":"), "an unknown command");
  const auto endsWith = [](const std::string &text, const std::string &end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
  };
  check(endsWith(hears(publish("s/_all/fly", "", false, 9)), encodePuback(9)), "a command is acknowledged when it is done");
  check(hears(publish("s/d/command/still", "", false, 9)).find(encodePuback(9)) == 0, "a still before it is taken");
  check(hears(publish("s/d/command/x", std::string(20000, 'x'), false, 9)) == encodePuback(9), "what is too long is not wanted again");
  check(hears(publish("s/d/command/read", "", true, 9)) == encodePuback(9), "nor what is retained");
  check(hears(publish("elsewhere/read", "", false, 9)) == encodePuback(9), "nor what is not for it");
  check(hears(publish("s/d/command/restart", "", true)).empty() && board.restarts == 0, "no retained restart");
  check(hears(publish("elsewhere/restart", "")).empty(), "what is not for it");
  check(hears(std::string("\x90\x04\0\1\x80\0", 6)).empty() && board.said("does not let it read s/d/command/#"),
        "a filter that is refused");
  const std::string last = hears(publish("s/d/command/restart", "", false, 9));
  check(board.restarts == 1 && !board.stream.isOpen && last.find(encodePuback(9)) == 0, "a restart, acknowledged before");

  for (int turn = 0; turn < 10000 && !board.stream.isOpen; turn++) {
    device.step();
    board.sleep(10);
  }
  const auto repeated = messagesAt(board.stream.sent, "s/d/$reply", true);
  check(!repeated.empty() && repeated.back().payload == "{\"command\":\"restart\",\"ok\":true}", "what nobody acknowledged comes again");
  check(messagesAt(board.stream.sent, "s/d/sim", true).empty(), "what was acknowledged does not");
  // nothing heard for longer than the keep-alive, though it asks
  const uint64_t before = board.now;
  for (int turn = 0; turn < 10000 && board.stream.isOpen; turn++) {
    device.step();
    board.sleep(10);
  }
  check(board.now - before < 80000 && board.said("the broker has fallen silent"), "a broker that is silent");

  for (const auto &[greeting, why] :
       {std::pair{std::string("\x20\x02\0\5", 4), "refuses username and password"}, std::pair{std::string("\x30\x03\0\1a", 5), "no MQTT broker"},
        std::pair{std::string(), "does not answer"}}) {
    board.stream.greeting = greeting;
    const unsigned opened = board.stream.opened;
    for (int turn = 0; turn < 1000 && board.stream.opened == opened; turn++) {
      device.step();
      board.sleep(1000);
    }
    check(board.said(why), why);
  }
  for (const std::string &line : board.lines) check(line.find("secret") == std::string::npos, "no secret on the console");
}

/// A broker that answers whether it is there, and acknowledges nothing.
void withoutAcknowledgements() {
  FakeBoard board;
  const Boot boot = configured(false);
  Device device(board, boot, kSensors, "1");
  for (int turn = 0; turn < 100000 && !board.said("the broker acknowledges nothing any more"); turn++) {
    if (board.stream.isOpen) board.stream.incoming += std::string("\xD0\0", 2);
    device.step();
    board.sleep(10);
  }
  check(board.said("the broker acknowledges nothing any more"), "it gives up a broker that acknowledges nothing");
}

std::vector<SensorEntry> ninetySensors() {
  static std::vector<std::string> names;  // entries only point to them
  for (int at = 0; names.size() < 90; at++) names.push_back("s" + std::to_string(at));
  std::vector<SensorEntry> sensors;
  for (int at = 0; at < 90; at++) sensors.push_back({names[static_cast<size_t>(at)].c_str(), make_simulated, ""});
  return sensors;
}

/// Many sensors, all read at once: more than are kept for another connection.
void manyAtOnce() {
  FakeBoard board;
  const Boot boot = configured(false);
  Device device(board, boot, ninetySensors(), "1");
  board.stream.piece = 4096;
  for (int turn = 0; turn < 20000; turn++) {
    device.step();
    board.sleep(10);
    if (turn % 10 != 9) continue;  // a broker takes its time
    board.stream.incoming += acknowledgements(board.stream.sent) + std::string("\xD0\0", 2);
    board.stream.sent.clear();
  }
  check(board.stream.opened == 1 && board.stream.isOpen, "a healthy connection holds, however much is sent at once");
}

/// What has queued up is in nobody's way: the next connection says that the device is there, and who it is.
void readyWithAFullQueue() {
  FakeBoard board;
  const Boot boot = configured(false);
  Device device(board, boot, ninetySensors(), "1");
  for (int turn = 0; turn < 100; turn++) {
    device.step();
    board.sleep(10);
  }
  board.stream.close();
  for (int turn = 0; turn < 10000 && !board.stream.isOpen; turn++) {
    device.step();
    board.sleep(10);
  }
  check(board.stream.opened == 2, "it connects again");
  check(messagesAt(board.stream.sent, "s/d/s89", true).size() == 1, "what was not acknowledged comes again");
  check(sends(board.stream.sent, "s/d/$state", "ready"), "it is ready with a full queue");
  check(sends(board.stream.sent, "s/d/$edgeflock", "{\"device\""), "it announces itself with a full queue");
}

/// A line that breaks while the device says that it is there.
void brokenWhileAnnouncing() {
  FakeBoard board;
  const Boot boot = configured(false);
  Device device(board, boot, kSensors, "1");
  board.stream.room = 60;  // the login, and half of what follows; then nothing is taken any more
  device.step();
  check(board.stream.opened == 1, "it connects");
  board.stream.room = SIZE_MAX;
  for (int turn = 0; turn < 10000 && board.stream.opened < 2; turn++) {
    if (board.stream.isOpen) board.stream.incoming += std::string("\xD0\0", 2);
    device.step();
    board.sleep(10);
  }
  check(board.stream.opened == 2 && board.said("the connection broke"), "nothing follows half a packet");
  check(sends(board.stream.sent, "s/d/$state", "ready"), "and the next connection says that it is ready");
}

class MemoryArea : public FileArea {
 public:
  explicit MemoryArea(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
  size_t size() const override { return bytes_.size(); }
  const uint8_t *data() const override { return bytes_.data(); }
  bool eraseSector(size_t offset) override {
    if (erases-- <= 0) return false;
    std::fill_n(bytes_.begin() + static_cast<long>(offset), 4096, uint8_t{0xFF});
    return true;
  }
  bool isBlank() const {
    return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t byte) { return byte == 0xFF; });
  }
  int erases = 1000;

 private:
  std::vector<uint8_t> bytes_;
};

class MemoryStore : public RuntimeStore {
 public:
  NvsContents read() const override { return contents; }
  bool put(const NvsValue &value) override {
    auto &values = contents.values;
    const auto same = [&](const NvsValue &each) { return each.space == value.space && each.key == value.key; };
    values.erase(std::remove_if(values.begin(), values.end(), same), values.end());
    values.push_back(value);
    return true;
  }
  bool clear() override {
    contents.values.clear();
    return true;
  }
  NvsContents contents;
};

std::vector<uint8_t> configFile(const std::string &csv) {
  std::vector<uint8_t> bytes = {'E', 'D', 'G', 'E', 'F', 'C', 'F', 'G'};
  bytes.resize(16);
  const auto *data = reinterpret_cast<const uint8_t *>(csv.data());
  writeU32(&bytes[8], static_cast<uint32_t>(csv.size()));
  writeU32(&bytes[12], zlibCrc32(data, csv.size()));
  bytes.insert(bytes.end(), csv.begin(), csv.end());
  bytes.resize(3 * 4096, 0xFF);
  return bytes;
}

/// What an interrupted erase leaves is finished; what came damaged is reported and stays.
void damagedFiles() {
  const std::string csv = "key,type,encoding,value\nmqtt,namespace,,\nhost,data,string,old\n" + std::string(5000, '\n');
  const auto damaged = [&](size_t at) {
    std::vector<uint8_t> bytes = configFile(csv + "port,data,u16,1\n");
    bytes[at] ^= 0x40;
    return bytes;
  };
  MemoryStore store;
  MemoryArea first(configFile(csv));
  check(takeConfigFile(first, store).text("mqtt", "host") == "old" && first.isBlank(), "a file is moved and erased");
  check(holdsMovedSettings(store.contents), "its settings are nowhere else");
  for (const size_t at : {size_t{0}, size_t{9}, size_t{13}, size_t{40}, size_t{5000}}) {
    MemoryArea area(damaged(at));
    const NvsContents contents = takeConfigFile(area, store);
    check(contents.problems.size() == 1 && contents.problems[0].find("is damaged") != std::string::npos,
          "a new file that is damaged is reported, at byte " + std::to_string(at));
    check(!area.isBlank() && contents.text("mqtt", "host") == "old", "it stays, and so do the settings before it");
  }
  for (const int sectors : {0, 1}) {
    MemoryStore other;
    MemoryArea cut(configFile(csv));
    cut.erases = sectors;
    takeConfigFile(cut, other);
    MemoryArea rest(std::vector<uint8_t>(cut.data(), cut.data() + cut.size()));
    if (sectors == 0) const_cast<uint8_t *>(rest.data())[3] = 0x55;  // a sector whose erase was cut is neither old nor blank
    const NvsContents contents = takeConfigFile(rest, other);
    check(contents.problems.empty() && rest.isBlank(), "what an interrupted erase left is erased");
    MemoryArea area(damaged(40));
    check(takeConfigFile(area, other).problems.size() == 1, "and after that damage is damage again");
  }
  MemoryStore empty;
  MemoryArea nothing(damaged(40));
  const NvsContents contents = takeConfigFile(nothing, empty);
  check(contents.values.empty() && contents.problems.size() == 1 && !nothing.isBlank(), "damaged, with nothing before");
}

void withoutConfiguration() {
  FakeBoard board;
  const Boot nobody;
  Device device(board, nobody, kSensors, "1");
  const Boot withoutTopic = configured(false, false), withoutCa = configured(true);
  Boot halfACertificate = configured(true), byCertificateInClear = configured(false), withoutCredential = configured(true);
  halfACertificate.contents.values.insert(halfACertificate.contents.values.end(), {text("mqtt", "ca", "x"), text("mqtt", "cert", "x")});
  for (const auto &[key, value] : {std::pair{"cert", "x"}, std::pair{"key", "x"}}) {
    byCertificateInClear.contents.values.push_back(text("mqtt", key, value));
  }
  withoutCredential.contents.values.push_back(text("mqtt", "ca", "x"));
  for (auto &value : withoutCredential.contents.values) {
    if (value.key == "password") value.key = "other";
  }
  Device second(board, withoutTopic, kSensors, "1"), third(board, withoutCa, kSensors, "1");
  Device fourth(board, halfACertificate, kSensors, "1"), fifth(board, byCertificateInClear, kSensors, "1");
  Device sixth(board, withoutCredential, kSensors, "1");
  for (int turn = 0; turn < 1000; turn++) {
    device.step();
    second.step();
    third.step();
    fourth.step();
    fifth.step();
    sixth.step();
    board.sleep(1000);
  }
  check(board.stream.opened == 0, "nobody connects");
  check(board.said("it has no topic (mqtt/topic); waiting for another"), "no topic");
  check(board.said("it has no CA for the broker (mqtt/ca), and without one nothing is sent"), "no CA");
  check(board.said("its client certificate is not whole (mqtt/cert, mqtt/key)"), "half a certificate");
  const std::string none = "it has no MQTT credential (mqtt/password, or with TLS mqtt/cert and key)";
  check(std::count_if(board.lines.begin(), board.lines.end(),
                      [&](const std::string &line) { return line.find(none) != std::string::npos; }) == 2,
        "no credential, and one that needs TLS");
}

}  // namespace

int main() {
  packets();
  damagedPackets();
  waits();
  topics();
  settings();
  csv();
  drivers();
  life();
  withoutAcknowledgements();
  manyAtOnce();
  readyWithAFullQueue();
  brokenWhileAnnouncing();
  damagedFiles();
  withoutConfiguration();
  return report();
}
