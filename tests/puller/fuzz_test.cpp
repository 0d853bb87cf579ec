// Streams and requests as nobody means them, against the code that reads them, with sanitizers whatever the preset.
// What is allowed: the right image, or an error of ours. DRILL_FUZZ_SEED and DRILL_FUZZ_ROUNDS choose other rounds.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>

#include "core/error.hpp"
#include "core/scratch_dir.hpp"
#include "puller/node/request.hpp"
#include "puller/zstd_stream.hpp"
#include "tests/catch.hpp"
#include "tests/puller/node_process.hpp"

namespace {

using puller::ImageBuilder;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

const std::uint64_t kSeed = setting("DRILL_FUZZ_SEED", std::random_device{}());
const std::uint64_t kRounds = setting("DRILL_FUZZ_ROUNDS", 7000);

// One mutation after the other; the same seed and round give the same.
class Mutator {
 public:
  explicit Mutator(std::uint64_t round) : random_(kSeed * 1'000'003 + round) {}

  std::string operator()(std::string text) {
    for (std::size_t times = 1 + below(3); times > 0; --times) mutate(text);
    return text;
  }

  std::size_t below(std::size_t end) { return end == 0 ? 0 : random_() % end; }

 private:
  void mutate(std::string& text) {
    const std::size_t at = below(text.size());
    const std::size_t size = below(std::min<std::size_t>(text.size() - at, 300) + 1);
    switch (below(7)) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ (1U << below(8)));
        return;
      case 1:
        return text.resize(at);
      case 2:
        text.erase(at, size);
        return;
      case 3:
        text.insert(below(text.size()), text.substr(at, size));
        return;
      case 4:
        text.replace(below(text.size()), size, text.substr(at, size));
        return;
      case 5:
        for (std::size_t i = 0; i < size; ++i) text[at + i] = static_cast<char>(random_());
        return;
      default:
        return change_number(text);
    }
  }

  // Most of a stream is no text: the numbers are in its lines.
  void change_number(std::string& text) {
    constexpr std::string_view digits = "0123456789";
    static const std::vector<std::string> absurd = {
        "", "0", "1", "-1", "512", "65536", "4294967295", "4294967296", "18446744073709551615", "99999999999999999999"};
    const std::size_t space = text.find(' ', below(text.size()));
    const std::size_t begin = text.find_first_of(digits, std::min(space, text.size()));
    if (begin == std::string::npos) return;
    const std::size_t end = std::min(text.find_first_not_of(digits, begin), text.size());
    text.replace(begin, end - begin, absurd[below(absurd.size())]);
  }

  std::mt19937_64 random_;
};

node_process::Read pieces_of(std::string_view text, std::size_t piece_bytes) {
  return [text, piece_bytes](char* buffer, std::size_t size_bytes) mutable {
    const std::size_t size = std::min({text.size(), piece_bytes, size_bytes});
    text.copy(buffer, size);
    text.remove_prefix(size);
    return size;
  };
}

// What a real node said once, and what came of it.
struct Recording {
  std::string base;
  std::string stream;
  std::string image;
  std::string announcement;
  std::string records;  // unpacked
};

// The parts of a sound stream that make the image.
void take_apart(Recording& recording) {
  puller::ZstdStream unpacked([&](std::string_view bytes) { recording.records += bytes; });
  ssh::FrameReader frames(pieces_of(recording.stream, SIZE_MAX));
  REQUIRE(frames.find_hello());
  for (ssh::Line line = frames.line(); line.word != "end"; line = frames.line()) {
    std::string_view rest = line.rest;
    if (line.word == "image") {
      recording.announcement = rest;
    } else if (line.word == "block") {
      frames.bytes(ssh::parse_number(rest, "size"), [&](std::string_view block) { unpacked.feed(block); });
    } else if (line.word == "item" || line.word == "differing" || line.word == "changed") {
      while (rest.find(' ') != std::string_view::npos && line.word == "differing") ssh::take_word(rest);
      if (line.word == "item") ssh::take_word(rest);
      frames.bytes(ssh::parse_number(ssh::take_word(rest), "size"), [](std::string_view) {});
    }
  }
}

// As a zstd frame of plain blocks. Source: RFC 8878, 3.1.1.
std::string packed(std::string_view records) {
  constexpr std::size_t block_bytes = 100000;
  std::string frame("\x28\xb5\x2f\xfd\x00\x38", 6);  // a window of 128 KiB
  do {
    const std::string_view block = records.substr(0, block_bytes);
    records.remove_prefix(block.size());
    const std::size_t header = block.size() << 3U | (records.empty() ? 1U : 0U);
    for (const unsigned shift : {0U, 8U, 16U}) frame += static_cast<char>(header >> shift & 0xffU);
    frame += block;
  } while (!records.empty());
  return fmt::format("block {}\n{}", frame.size(), frame);
}

// Three pulls of a database that changes in between: without a base, with one, and with one of another page size.
std::vector<Recording> record() {
  node_process::DataDir node;
  core::ScratchDir here;
  const std::filesystem::path path = here.path() / "state.db";
  std::vector<Recording> recordings;
  node.run("PRAGMA page_size = 1024");
  for (int round = 0; round < 3; ++round) {
    node.fill(20, 300);
    node.run("DELETE FROM kine WHERE id % 7 = 3");
    if (round == 2) node.run("PRAGMA page_size = 512; VACUUM");
    ImageBuilder builder(path);
    Recording recording;
    recording.base = core::read_file(path);
    recording.image = core::read_file(node.database());
    node_process::Program program(node_process::command(node));
    program.say(node_process::request(builder.request()));
    const node_process::Read listen = [&](char* buffer, std::size_t size_bytes) {
      const std::size_t got = program.read(buffer, size_bytes);
      recording.stream.append(buffer, got);
      return got;
    };
    node_process::converse(
        listen, [&](std::string_view text) { program.say(text); }, builder);
    take_apart(recording);
    recordings.push_back(std::move(recording));
  }
  return recordings;
}

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// "image", or the kind of refusal.
std::string outcome(const std::filesystem::path& path, const Recording& recording, const node_process::Read& read) {
  write(path, recording.base);
  ImageBuilder builder(path);
  try {
    const node_process::Told told = node_process::converse(
        read, [](std::string_view) {}, builder);
    if (!told.problem.empty()) return "problem";
    return core::read_file(path) == recording.image ? "image" : "another image";
  } catch (const ImageBuilder::Mismatch&) {
    return "mismatch";
  } catch (const core::Error& error) {
    return std::string(core::to_string(error.kind()));
  }
}

std::filesystem::path memory() { return std::filesystem::exists("/dev/shm") ? "/dev/shm" : ""; }

}  // namespace

TEST_CASE("a stream that was tampered with gives the right image or an error, and nothing else") {
  std::cout << fmt::format("DRILL_FUZZ_SEED={} DRILL_FUZZ_ROUNDS={}\n", kSeed, kRounds);
  const std::vector<Recording> recordings = record();
  const core::ScratchDir here(memory());
  const std::filesystem::path path = here.path() / "state.db";
  std::map<std::string, int> outcomes;
  for (const Recording& recording : recordings)
    CHECK(outcome(path, recording, pieces_of(recording.stream, 100000)) == "image");
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    Mutator mutate(round);
    const Recording& recording = recordings[mutate.below(recordings.size())];
    const std::string stream = mutate(recording.stream);
    const std::string end = outcome(path, recording, pieces_of(stream, 1 + mutate.below(100000)));
    ++outcomes[end];
    INFO("DRILL_FUZZ_SEED=" << kSeed << ", round " << round);
    CHECK(end != "another image");
  }
  for (const auto& [end, count] : outcomes) std::cout << fmt::format("{}: {}\n", end, count);
  CHECK(outcomes.size() > 3);
}

TEST_CASE("records that were tampered with before they were packed give the right image or an error") {
  const std::vector<Recording> recordings = record();
  const core::ScratchDir here(memory());
  const std::filesystem::path path = here.path() / "state.db";
  std::map<std::string, int> outcomes;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    Mutator mutate(round);
    const Recording& recording = recordings[mutate.below(recordings.size())];
    const std::string records = mutate(recording.records);
    const std::string stream =
        fmt::format("{}\nimage {}\n{}end\n", ssh::kHello, recording.announcement, packed(records));
    const std::string end = outcome(path, recording, pieces_of(stream, 1 + mutate.below(100000)));
    ++outcomes[end];
    INFO("DRILL_FUZZ_SEED=" << kSeed << ", round " << round);
    CHECK(end != "another image");
  }
  for (const auto& [end, count] : outcomes) std::cout << fmt::format("{}: {}\n", end, count);
  CHECK(outcomes["mismatch"] > 0);
}

TEST_CASE("a request that was tampered with is a request or an error") {
  const core::ScratchDir here(memory());
  write(here.path() / "state.db", record().back().image);
  const std::string request = node_process::request(ImageBuilder(here.path() / "state.db").request());
  std::uint64_t understood = 0;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    Mutator mutate(round);
    const std::string text = mutate(request);
    ssh::FrameReader frames(pieces_of(text, 1 + mutate.below(1000)));
    try {
      const node::Request read = node::read_request(frames);
      ++understood;
      if (read.base) CHECK(read.base->groups.size() <= text.size());
    } catch (const core::Error&) {
    }
  }
  std::cout << fmt::format("understood: {} of {}\n", understood, kRounds);
  CHECK(understood < kRounds);
}

TEST_CASE(
    "numbers and durations that no node means are an error, and what is reckoned with the others overflows nowhere") {
  const std::chrono::nanoseconds now = std::chrono::system_clock::now().time_since_epoch();
  std::uint64_t understood = 0;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    Mutator mutate(round);
    const std::string text = mutate(round % 2 == 0 ? "9223372036854775807" : "x 1800000000000000000");
    for (const std::string& number : {text, "-" + text}) {
      try {
        // As Conversation::node() reckons, and the doctor with what comes of it.
        const std::chrono::nanoseconds offset = ssh::parse_nanoseconds(number, "clock") - now;
        CHECK(std::chrono::abs(offset).count() >= 0);
        ++understood;
      } catch (const core::Error&) {
      }
      try {
        ssh::parse_signed(number, "growth");
      } catch (const core::Error&) {
      }
    }
  }
  CHECK(understood > 0);
  CHECK(ssh::parse_nanoseconds("9223372036854775807", "clock").count() == INT64_MAX);
  CHECK(ssh::parse_signed("-9223372036854775808", "growth") == INT64_MIN);
  for (const char* absurd : {"", "-", "--1", "+1", "1 ", "9223372036854775808", "18446744073709551615", "-1"})
    CHECK_THROWS_AS(ssh::parse_nanoseconds(absurd, "clock"), core::Error);
}
