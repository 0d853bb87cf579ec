#include "tests/puller/node_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>

#include "core/error.hpp"

namespace node_process {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSilenceMilliseconds = 60000;

struct Pipe {
  core::Fd read;
  core::Fd write;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read = core::Fd(ends[0]);
    write = core::Fd(ends[1]);
  }
};

}  // namespace

Connection::Connection(const std::filesystem::path& database) {
  if (sqlite3_open(database.c_str(), &handle_) != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(handle_));
  sqlite3_busy_timeout(handle_, 10000);
}

Connection::~Connection() { sqlite3_close(handle_); }

std::string Connection::run(const std::string& sql) const {
  std::string value;
  const auto keep = [](void* into, int, char** columns, char**) {
    *static_cast<std::string*>(into) = columns[0] != nullptr ? columns[0] : "";
    return 0;
  };
  if (sqlite3_exec(handle_, sql.c_str(), keep, &value, nullptr) != SQLITE_OK)
    throw std::runtime_error(sqlite3_errmsg(handle_));
  return value;
}

DataDir::DataDir() {
  std::filesystem::create_directories(database().parent_path());
  core::write_new_file(scratch_.path() / "server/token", "K10abc::server:secret\n");
  core::write_new_file(scratch_.path() / "config.yaml", "write-kubeconfig-mode: \"0600\"\n");
}

void DataDir::run(const std::string& sql) const { Connection(database()).run(sql); }

std::string rows_of_noise(int rows, int value_bytes) {
  return fmt::format(
      "CREATE TABLE IF NOT EXISTS kine(id INTEGER PRIMARY KEY, name TEXT, value BLOB);"
      "CREATE INDEX IF NOT EXISTS kine_name ON kine(name, id);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
      "INSERT INTO kine(name, value) SELECT '/registry/pods/' || i, randomblob({}) FROM n",
      rows, value_bytes);
}

std::filesystem::path program(const std::string& architecture) {
  return std::filesystem::path(DRILL_BINARY_DIR) / ("node-" + architecture) / "drill-node";
}

std::vector<std::string> command(const DataDir& data) {
  return {program(), "pull", data.path(), data.path() / "config.yaml"};
}

Program::Program(const std::vector<std::string>& argv) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  Pipe in;
  Pipe out;
  Pipe errors;
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(in.read.get(), 0);
    ::dup2(out.write.get(), 1);
    ::dup2(errors.write.get(), 2);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  in_ = std::move(in.write);
  out_ = std::move(out.read);
  errors_ = std::move(errors.read);
}

Program::~Program() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Program::say(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t put = ::write(in_.get(), text.data(), text.size());
    if (put < 0) return;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

void Program::hang_up() {
  in_.reset();
  out_.reset();
}

std::size_t Program::read(char* buffer, std::size_t size_bytes) const {
  pollfd wait{out_.get(), POLLIN, 0};
  if (::poll(&wait, 1, kSilenceMilliseconds) <= 0) throw std::runtime_error("drill-node is silent");
  const ssize_t got = ::read(out_.get(), buffer, size_bytes);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

std::string Program::read_all() const {
  std::string all;
  std::array<char, 65536> buffer;
  while (const std::size_t got = read(buffer.data(), buffer.size())) all.append(buffer.data(), got);
  return all;
}

std::string Program::listen_for(std::string_view word) const {
  const auto byte = [this] {
    char one = 0;
    if (read(&one, 1) == 0) throw std::runtime_error("drill-node has ended early");
    return one;
  };
  while (true) {
    std::string line;
    for (char one = byte(); one != '\n'; one = byte()) line += one;
    std::string_view rest = line;
    if (ssh::take_word(rest) != word) continue;
    if (word == "differing")
      for (std::uint64_t left = ssh::parse_number(rest.substr(rest.find(' ') + 1), "size"); left > 0; --left) byte();
    return std::string(rest);
  }
}

// Its stderr ends when it does.
Program::End Program::wait(std::chrono::seconds patience) {
  End end;
  const auto deadline = Clock::now() + patience;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd wait{errors_.get(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0)
      throw std::runtime_error("drill-node does not end");
    std::array<char, 4096> block;
    const ssize_t got = ::read(errors_.get(), block.data(), block.size());
    if (got <= 0) break;
    end.error_output.append(block.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  rusage usage{};
  ::wait4(std::exchange(pid_, -1), &status, 0, &usage);
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  end.peak_memory_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  return end;
}

std::string request(std::string_view base, const Limits& limits) {
  return fmt::format("{}\nrequest pull\nread_transaction_seconds {}\nwal_growth_bytes {}\nspool_bytes {}\n{}go\n",
                     ssh::kHello, limits.read_transaction_seconds, limits.wal_growth_bytes, limits.spool_bytes, base);
}

Told converse(const Read& read, const std::function<void(std::string_view)>& say, puller::ImageBuilder& image) {
  Told told;
  ssh::FrameReader frames(read);
  if (!frames.find_hello()) throw core::Error(core::ErrorKind::storage, "no hello");
  const auto bytes = [&](std::string_view size, std::uint64_t limit) {
    const std::uint64_t size_bytes = ssh::parse_number(size, "size");
    if (size_bytes > limit) throw core::Error(core::ErrorKind::storage, "far too large");
    std::string all;
    frames.bytes(size_bytes, [&](std::string_view block) { all += block; });
    return all;
  };
  while (true) {
    const ssh::Line line = frames.line();
    std::string_view rest = line.rest;
    if (line.word == "fact") {
      const std::string name(ssh::take_word(rest));
      told.facts[name] = rest;
    } else if (line.word == "item") {
      const ssh::Item item = ssh::parse_item(rest);
      frames.body(item, [&](std::string_view block) { told.files[item.name] += block; });
    } else if (line.word == "differing") {
      const std::uint64_t page_count = ssh::parse_number(ssh::take_word(rest), "page count");
      say(image.page_hashes(bytes(rest, 1U << 24U), page_count));
    } else if (line.word == "changed") {
      say(image.part_hashes(bytes(rest, 1U << 24U)));
    } else if (line.word == "image") {
      image.begin(rest);
    } else if (line.word == "block") {
      frames.bytes(ssh::parse_number(rest, "size"), [&](std::string_view block) { image.feed(block); });
    } else if (line.word == "problem") {
      told.problem = rest;
      return told;
    } else if (line.word == "end") {
      told.image = image.finish();
      return told;
    } else if (line.word != "copying") {
      throw core::Error(core::ErrorKind::storage, "a line out of place");
    }
  }
}

Told converse(Program& node, puller::ImageBuilder& image) {
  return converse([&](char* buffer, std::size_t size_bytes) { return node.read(buffer, size_bytes); },
                  [&](std::string_view text) { node.say(text); }, image);
}

}  // namespace node_process
