// Pulls by drill-node that are cut off, wherever: nothing is stored and nothing stays on the node.
#include <signal.h>

#include "core/cancel.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"
#include "tests/puller/relay.hpp"

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using puller::Method;

constexpr std::uint64_t kHalfWay = 5U << 20U;

}  // namespace

TEST_CASE("ssh that drops after any number of bytes of a pull stores nothing and leaves nothing on the node") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database(300, 3800);
  lab::Shelf shelf;
  const puller::PullReport whole = puller::pull(node.target(Method::helper), shelf.store);
  const std::size_t files = shelf.files().size();
  // From the first bytes of ssh's own handshake to the last of the stream; a fresh store each time asks for all pages.
  constexpr std::uint64_t kSteps = 24;
  const std::uint64_t all = whole.bytes_received + 6000;
  for (std::uint64_t step = 0; step < kSteps; ++step) {
    const std::uint64_t bytes = 1 + all * step / kSteps;
    CAPTURE(bytes);
    lab::Relay relay(node, bytes);
    lab::Shelf fresh;
    lab::Fork child([&] { return lab::try_pull(relay.target(Method::helper), fresh.store); });
    if (relay.holding()) relay.drop();
    relay.release();
    CHECK_THAT(child.result(), Contains("unreachable: "));
    CHECK(fresh.files().empty());
  }
  CHECK(lab::left_behind(node) == "");
  CHECK(shelf.files().size() == files);
  CHECK(lab::try_pull(node.target(Method::helper), shelf.store) == "");
}

TEST_CASE("Ctrl-C half way through drill-node's stream cancels at once and leaves nothing here or there") {
  NEEDS_LAB();
  lab::HalfWay held(Method::helper, core::install_cancel_handlers);
  held.pull->signal(SIGINT);
  CHECK_THAT(held.pull->result(), Contains("cancelled: "));
  held.relay->release();
  CHECK(held.shelf.files().empty());
  CHECK(lab::left_behind(held.node) == "");
}

TEST_CASE("a puller killed by SIGKILL half way ends drill-node, and the next pull clears its half snapshot") {
  NEEDS_LAB();
  lab::HalfWay held(Method::helper);
  held.pull->signal(SIGKILL);
  held.relay->release();
  CHECK(lab::left_behind(held.node) == "");
  CHECK(held.shelf.store.list("edge").empty());
  REQUIRE(lab::try_pull(held.node.target(Method::helper), held.shelf.store) == "");
  for (const std::filesystem::path& file : held.shelf.files())
    CHECK(file.string().find("/.incoming-") == std::string::npos);
}

TEST_CASE("a killed drill-node is unreachable, not a short snapshot") {
  NEEDS_LAB();
  lab::HalfWay held(Method::helper);
  held.node.run("kill -9 $(pgrep -x drill-node)");
  held.relay->release();
  CHECK_THAT(held.pull->result(), StartsWith("unreachable: ") && Contains("ended early"));
  CHECK(held.shelf.files().empty());
  CHECK(lab::left_behind(held.node) == "");
}

TEST_CASE("the read transaction is over while the stream waits for the link") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database(9000, 3800);
  lab::Writer writer(node);
  writer.execute("INSERT INTO kine(name, prev_revision) VALUES('/registry/w', 0)");
  lab::Relay relay(node, kHalfWay);
  lab::Shelf shelf;
  lab::Fork child([&] { return lab::try_pull(relay.target(Method::helper), shelf.store); });
  REQUIRE(relay.holding());
  // A checkpoint that may truncate the WAL finds no reader in its way.
  CHECK(lab::eventually([&] {
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    return node.run("stat -c %s /var/lib/rancher/k3s/server/db/state.db-wal") == "0";
  }));
  CHECK(node.run("pgrep -x drill-node | wc -l") != "0");
  CHECK(node.run("ls -A /var/lib/k3s-drill") == "drill-node");
  relay.release();
  CHECK(child.result() == "");
}
