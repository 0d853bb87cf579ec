// drill-node, the program on the node: one database path, a request on stdin, the stream of a pull on stdout
// (ssh/frames.hpp). Started by the controller over ssh as root, for the time of one pull.
//   drill-node pull DATA_DIR CONFIG_FILE
// The paths are arguments so that a line in sudoers can allow these and no others.
// What it leaves on the node: nothing. What waits for a slow link is in an unlinked file beside the program.
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/sha256.hpp"
#include "puller/node/child.hpp"
#include "puller/node/database.hpp"
#include "puller/node/deadline_reader.hpp"
#include "puller/node/look.hpp"
#include "puller/node/pages.hpp"
#include "puller/node/problem.hpp"
#include "puller/node/request.hpp"
#include "puller/node/spool.hpp"
#include "puller/page_hash.hpp"
#include "ssh/frames.hpp"

namespace node {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::filesystem::path::value_type kSelf[] = "/proc/self/exe";
constexpr milliseconds kVersionPatience{5000};
constexpr std::size_t kVersionBytes = 4096;
constexpr milliseconds kToldPatience{10000};
constexpr std::size_t kToldBytes = 4U << 20U;
constexpr milliseconds kHashPatience{5000};  // for page hashes, inside the read transaction
constexpr milliseconds kLastWordsPatience{2000};
constexpr std::chrono::seconds kLifeSignEvery{5};
constexpr unsigned kPagesPerLook = 256;
constexpr std::uint64_t kPartsAtMost = 2U << 20U;  // whose hashes are kept in memory
constexpr int kPeerGone = 4;                       // exit status

std::uint64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmHWM:") {
      std::uint64_t kibibytes = 0;
      status >> kibibytes;
      return kibibytes * 1024;
    }
  return 0;
}

class Pull {
 public:
  Pull(const Places& places, DeadlineReader& in, ssh::FrameReader& frames, Spool& out)
      : places_(places), in_(in), frames_(frames), out_(out) {}

  void run(const Request& request) {
    request_ = &request;
    for (const SmallFile& file : read_small_files(places_)) {
      say(fmt::format("item {} {} {}", file.name, file.content.size(), core::sha256_hex(file.content)));
      out_.put(file.content);
    }
    wal_before_ = size_of_file(places_.wal());
    say("copying");
    read_database();
    say(fmt::format("fact wal_growth_bytes {}",
                    static_cast<std::int64_t>(size_of_file(places_.wal())) - static_cast<std::int64_t>(wal_before_)));
  }

  void say(const std::string& line) {
    out_.put(line + "\n");
    last_word_ = Clock::now();
  }

 private:
  void read_database() {
    began_ = Clock::now();
    const Tick tick = [this] { look_around(); };
    ReadTransaction database(places_.database());
    const std::optional<Base>& base = request_->base;
    const bool comparable = base && base->page_size_bytes == database.page_size_bytes();
    const Scan found = scan(database, comparable ? std::optional(base->salt) : std::nullopt, tick);
    Difference difference;
    if (comparable)
      difference = compare(database, found, *base, tick);
    else
      difference.pages =
          pages_of(std::string(puller::group_count(database.page_count()) / 8 + 1, '\xff'), database.page_count());
    say(fmt::format("image {} {} {}", database.page_size_bytes(), database.page_count(), found.sha256));
    send_pages(database, difference.pages, difference.part_hashes, base ? base->salt : 0, tick,
               [this](std::string_view block) { say_with_bytes("block", block); });
    database.end();
    say(fmt::format("fact read_transaction_nanoseconds {}", std::chrono::nanoseconds(Clock::now() - began_).count()));
  }

  struct Difference {
    std::vector<std::uint32_t> pages;
    std::string part_hashes;
  };

  // Three steps, each with an answer from the controller. A link too slow for them gets more than it needs, rather than
  // a transaction that lasts.
  Difference compare(ReadTransaction& database, const Scan& found, const Base& base, const Tick& tick) {
    const std::string differing = differing_groups(found.groups, base);
    Difference difference{pages_of(differing, database.page_count()), {}};
    if (difference.pages.empty()) return difference;
    in_.until(Clock::now() + kHashPatience);
    try {
      say_with_bytes(fmt::format("differing {}", database.page_count()), differing);
      const std::string hashes = receive_hashes(known_pages(difference.pages, base));
      const std::string changed = changed_pages(database, difference.pages, hashes, base, tick);
      std::size_t kept = 0;
      for (std::size_t i = 0; i < difference.pages.size(); ++i)
        if (puller::has_bit(changed, i)) difference.pages[kept++] = difference.pages[i];
      difference.pages.resize(kept);
      const std::uint64_t parts = std::uint64_t{known_pages(difference.pages, base)} * puller::kPageParts;
      if (parts > kPartsAtMost) return difference;  // whole pages then: their hashes would need too much memory
      say_with_bytes("changed", changed);
      difference.part_hashes = receive_hashes(parts);
    } catch (const DeadlineReader::Late&) {
      in_.discard_the_rest();
    }
    return difference;
  }

  std::string receive_hashes(std::uint64_t count) {
    std::string hashes;
    hashes.reserve(count * puller::kShortHashBytes);
    const ssh::Line line = frames_.line();
    if (line.word != "hashes" || ssh::parse_number(line.rest, "size") != count * puller::kShortHashBytes)
      throw Problem("bad_request hashes of another count");
    frames_.bytes(count * puller::kShortHashBytes, [&](std::string_view block) { hashes += block; });
    return hashes;
  }

  void say_with_bytes(std::string_view word, std::string_view bytes) {
    say(fmt::format("{} {}", word, bytes.size()));
    out_.put(bytes);
  }

  void look_around() {
    if (++pages_ % kPagesPerLook != 0) return;
    const auto now = Clock::now();
    if (now - last_word_ > kLifeSignEvery) say("alive");
    if (now - began_ > request_->longest_read_transaction)
      throw Problem(fmt::format("limit read_transaction {}", request_->longest_read_transaction.count()));
    const std::uint64_t wal = size_of_file(places_.wal());
    if (wal > wal_before_ && wal - wal_before_ > request_->wal_growth_limit_bytes)
      throw Problem(fmt::format("limit wal_growth {}", request_->wal_growth_limit_bytes));
  }

  const Places& places_;
  DeadlineReader& in_;
  ssh::FrameReader& frames_;
  Spool& out_;
  const Request* request_ = nullptr;
  Clock::time_point began_;
  Clock::time_point last_word_ = Clock::now();
  std::uint64_t wal_before_ = 0;
  unsigned pages_ = 0;
};

std::string own_hash() { return core::hash_file(kSelf).sha256; }

void serve(const Places& places, DeadlineReader& in, Spool& out) {
  out.put(fmt::format("{}\nfact helper_sha256 {}\nfact helper_version {}\n", ssh::kHello, own_hash(), DRILL_VERSION));
  Child version(version_command());
  Child told(tell_command(places));
  ssh::FrameReader frames([&](char* buffer, std::size_t size_bytes) { return in.read(buffer, size_bytes); });
  const Request request = read_request(frames);
  if (request.spool_limit_bytes > 0) out.limit(request.spool_limit_bytes);
  Pull pull(places, in, frames, out);
  relay_told(told.answer(kToldPatience, kToldBytes), [&](const std::string& line) { pull.say(line); });
  look(places, [&](const std::string& line) { pull.say(line); });
  if (request.kind == puller::RequestKind::pull) pull.run(request);
  pull.say(fmt::format("fact k3s_version {}", version_in(version.answer(kVersionPatience, kVersionBytes))));
  pull.say(fmt::format("fact peak_memory_bytes {}", peak_memory_bytes()));
  pull.say("end");
}

// Whatever is being done or waited for ends when nobody is left to read of it.
void end_with_the_peer() {
  std::thread([] {
    pollfd wait{STDOUT_FILENO, 0, 0};
    while (::poll(&wait, 1, -1) < 0 && errno == EINTR) {
    }
    std::_Exit(kPeerGone);
  }).detach();
}

// On stdout if the link still takes it, and on stderr, which passes what waits in the spool.
int tell(Spool& out, const std::string& problem) {
  std::fprintf(stderr, "problem %s\n", problem.c_str());
  out.limit(UINT64_MAX);
  out.put("problem " + problem + "\n");
  out.drain(kLastWordsPatience);
  return 3;
}

int run(const Places& places) {
  std::signal(SIGPIPE, SIG_IGN);
  ::umask(077);
  ::setpriority(PRIO_PROCESS, 0, 10);
  end_with_the_peer();
  static DeadlineReader in(STDIN_FILENO);
  static Spool out(STDOUT_FILENO, std::filesystem::read_symlink(kSelf).parent_path());
  try {
    serve(places, in, out);
    while (!out.drain(milliseconds(1000))) {
    }
    return 0;
  } catch (const PeerGone&) {
    return kPeerGone;
  } catch (const Problem& problem) {
    return tell(out, problem.what());
  } catch (const core::Error& error) {
    return tell(out, fmt::format("bad_request {}", error.what()));
  }
}

bool plain(std::string_view path) {
  return path.starts_with('/') && path.find_first_of("\n\r") == std::string_view::npos;
}

}  // namespace
}  // namespace node

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("drill-node %s, SQLite %s\n", DRILL_VERSION, std::string(node::sqlite_version()).c_str());
    return 0;
  }
  if (argc != 4 || std::string_view(argv[1]) != "pull" || !node::plain(argv[2]) || !node::plain(argv[3])) {
    std::fprintf(stderr, "usage: drill-node pull DATA_DIR CONFIG_FILE   (absolute paths; started by drill over ssh)\n");
    return 2;
  }
  int status = 3;
  try {
    status = node::run({argv[2], argv[3]});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "problem copy_failed %s\n", error.what());
  }
  std::fflush(stderr);
  std::_Exit(status);  // threads may still wait for a peer that is slow, or gone
}
