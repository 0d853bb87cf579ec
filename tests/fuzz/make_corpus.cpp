// Writes the seeds of the corpus anew: `make_corpus DIRECTORY`. What is written differs from time to time, as its keys
// are made for it; they open nothing anywhere. Seeds that a run of the fuzzer added are left.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "core/sha256.hpp"
#include "store/manifest.hpp"
#include "store/zstd.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "tests/verifier/kine_database.hpp"
#include "tests/verifier/sealed_row_vector.hpp"

namespace {

namespace fs = std::filesystem;

const kine::Meta kConfigMap{"v1", "ConfigMap", "settings", "default", "6f0e5c7a-3e0b-4d9e-8f5b-6a1c2d3e4f50"};
const kine::Meta kEvent{"v1", "Event", "web.17", "default", "9c1d2e3f-0b1a-4c2d-9e3f-4a5b6c7d8e9f"};
const kine::Meta kNode{"v1", "Node", "node-a", "", "1b2c3d4e-5f60-4718-92a3-b4c5d6e7f809"};
const kine::Meta kLease{"coordination.k8s.io/v1", "Lease", "node-a", "kube-node-lease", "uid-lease"};
const kine::Meta kNewEvent{"events.k8s.io/v1", "Event", "web.18", "default", "uid-event"};

class Corpus {
 public:
  explicit Corpus(fs::path root) : root_(std::move(root)) {}

  void add(const std::string& target, const std::string& name, std::string_view bytes) const {
    fs::create_directories(root_ / target);
    std::ofstream(root_ / target / name, std::ios::binary | std::ios::trunc) << bytes;
  }

 private:
  fs::path root_;
};

void add_objects(const Corpus& corpus) {
  const std::string managed = kine::field(17, kine::field(1, "k3s") + kine::time_field(4, 1'790'000'300));
  const std::string label =
      kine::field(11, kine::field(1, "node-role.kubernetes.io/control-plane") + kine::field(2, "true"));
  const std::pair<const char*, std::string> values[] = {
      {"configmap",
       kine::protobuf(kConfigMap, kine::field(2, kine::field(1, "key") + kine::field(2, "value")), managed)},
      {"event", kine::protobuf(kEvent, kine::time_field(6, 1'790'000'400) + kine::time_field(10, 1'790'000'500, 7) +
                                           kine::field(11, kine::time_field(2, 1'790'000'600)))},
      {"new_event", kine::protobuf(kNewEvent, kine::time_field(2, 1'790'000'400) +
                                                  kine::field(3, kine::time_field(2, 1'790'000'600)))},
      {"lease",
       kine::protobuf(kLease, kine::field(2, kine::time_field(3, 1'790'000'100) + kine::time_field(4, 1'790'000'200)))},
      {"node", kine::protobuf(kNode, kine::field(3, kine::field(7, kine::field(7, "v1.36.2+k3s1"))), label)}};
  for (const auto& [name, value] : values) {
    corpus.add("protobuf", name, std::string_view(value).substr(4));
    corpus.add("object", name, fmt::format("/registry/{}/default/{}\n{}", name, name, value));
  }
  const std::string crd =
      kine::json({"example.io/v1", "Thing", "one", "default", "uid-one"},
                 R"(,"spec":{"renewTime":"2026-10-30T00:00:00Z","list":[1,-2.5e3,true,null,"\u00e9"]})");
  corpus.add("object", "custom_resource", "/registry/example.io/things/default/one\n" + crd);
  corpus.add("object", "sealed", "/registry/secrets/default/s\nk8s:enc:aescbc:v1:key1:" + std::string(48, 'x'));
  corpus.add("json", "custom_resource", crd);
  corpus.add("json", "nested", std::string(200, '[') + "{\"a\":[]}" + std::string(200, ']'));
}

void add_cbor(const Corpus& corpus) {
  using namespace std::string_literals;
  const auto text = [](const std::string& bytes) {
    return std::string(1, static_cast<char>(0x60U + bytes.size())) + bytes;
  };
  const std::string metadata = "\xbf"s + text("name") + text("one") + text("uid") + text("uid-one") +
                               text("creationTimestamp") + text("2026-10-30T00:00:00Z") + "\xff";
  const std::string object = "\xa4"s + text("apiVersion") + text("example.io/v1") + text("kind") + text("Thing") +
                             text("metadata") + metadata + text("spec") +
                             "\x84\x01\xf5\xfb\x40\x09\x21\xfb\x54\x44\x2d\x18\x7f" + text("a") + text("b") + "\xff";
  corpus.add("cbor", "custom_resource", object);
  corpus.add("cbor", "tags", "\xd9\xd9\xf7\xc1\x1a\x65\x00\x00\x00"s);
  corpus.add("cbor", "nested", std::string(200, '\x81') + "\xf6");
  corpus.add("object", "cbor", "/registry/example.io/things/one\n\xd9\xd9\xf7"s + object);
}

void add_bootstrap(const Corpus& corpus) {
  const CaFile ca = make_single_ca();
  const CaFile chain = make_ca_chain();
  const std::map<std::string, std::string> files{{"ServerCA", ca.pem},
                                                 {"ServerCAKey", "no key"},
                                                 {"PasswdFile", passwd_file("a-password")},
                                                 {"EncryptionConfig", R"({"kind":"EncryptionConfiguration"})"}};
  corpus.add("bundle", "bundle", bundle_json(files));
  corpus.add("bundle", "old_bundle", old_bundle_json(files));
  corpus.add("bundle", "ca", ca.pem);
  corpus.add("bundle", "ca_chain", chain.pem);
  corpus.add("bundle", "passwd", passwd_file("a-password"));
  corpus.add("bundle", "quoted_passwd", "\"a \"\"quoted\"\" one\",server,server,k3s:server\r\n");
  corpus.add("sealed", "vector", vector::kSealed);
  corpus.add("sealed", "short", "salt:" + base64(std::string(28, 'x')));
  corpus.add("token", "full", "K10" + core::sha256_hex(ca.pem) + "::server:a-password\n");
  corpus.add("token", "old", "K10" + core::sha256_hex(ca.pem) + "::a-password");
  corpus.add("token", "short", "a-password\n\n");
  corpus.add("token", "kubeadm", "abcdef.0123456789abcdef");
}

std::string compress(std::string_view content, std::string_view reference) {
  std::string packed;
  store::Compressor compressor(content.size(), reference, [&](std::string_view block) { packed += block; });
  compressor.feed(content);
  compressor.finish();
  return packed;
}

void add_store(const Corpus& corpus) {
  store::Manifest manifest;
  manifest.cluster = "edge";
  manifest.name = "20261123T231700Z";
  manifest.taken_at = core::UtcTime(std::chrono::seconds(1'795'475'820));
  manifest.method = "helper";
  manifest.k3s_version = "v1.36.2+k3s1";
  manifest.bundle = {{"state.db", 4096, std::string(64, 'a')}, {"token", 100, std::string(64, 'b')}};
  manifest.database = {"state.db.patch.zst", 512, std::string(64, 'c'), "20261123T001700Z"};
  corpus.add("manifest", "patch", store::to_json(manifest));
  corpus.add(
      "manifest", "proof",
      R"({"verdict":"fail","snapshot":{"name":"edge/x","verdict":"pass"},"started_at":"2026-11-24T09:56:11.17Z","checks":[]})");
  std::string content;
  for (unsigned i = 0; content.size() < 4096; ++i) content += fmt::format("page {} of an earlier image\n", i * i);
  content.resize(4096);
  const char promised = 16 << 1;
  corpus.add("zstd", "keyframe", promised + compress(content, {}));
  std::string image;  // as in zstd.cpp
  for (unsigned i = 0; image.size() < 16384; ++i) image += fmt::format("page {} of an earlier image\n", i * i);
  content[1000] = 'X';
  corpus.add("zstd", "patch", static_cast<char>(promised | 1) + compress(content, image));
}

void add_databases(const Corpus& corpus) {
  for (const auto& [name, era] : {std::pair("era_a", kine::Era::a), {"era_b", kine::Era::b}, {"era_c", kine::Era::c}}) {
    const fs::path path = fs::temp_directory_path() / fmt::format("corpus-{}.db", name);
    {
      kine::Database database(path, era);
      // Pages of 512 bytes let a small file have trees, overflow chains and free pages.
      database.exec("PRAGMA page_size=512; VACUUM");
      kine::populate(database);
      if (era == kine::Era::b) database.exec("DELETE FROM kine WHERE id > 5");
      if (era == kine::Era::c) database.create(vector::kKey, vector::kSealed);
    }
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    corpus.add("database", name, bytes.str());
    fs::remove(path);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_corpus DIRECTORY\n";
    return 2;
  }
  const Corpus corpus(argv[1]);
  add_objects(corpus);
  add_cbor(corpus);
  add_bootstrap(corpus);
  add_store(corpus);
  add_databases(corpus);
}
