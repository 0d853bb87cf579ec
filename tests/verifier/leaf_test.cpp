// What is looked at inside an object: the schema's messages, the forms of leaves, and what must not be an alarm.
#include <functional>

#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/complete.hpp"
#include "tests/verifier/kine_database.hpp"
#include "tests/verifier/verify_fixture.hpp"
#include "verifier/objects/content.hpp"
#include "verifier/objects/message.hpp"
#include "verifier/objects/object.hpp"

using namespace std::string_literals;
using kine::field;

namespace {

const kine::Meta kPod{"v1", "Pod", "p", "ns", "0ee1a3a2-3b44-4d1c-9a0e-1f0d8a1b2c3d"};

// A varint field of one byte.
std::string number(unsigned tag, char value) { return std::string{static_cast<char>(tag << 3U), value}; }

std::string container(const std::string& fields) { return field(2, field(2, field(1, "c") + fields)); }

std::string entry(const std::string& key, const std::string& value) { return field(1, key) + field(2, value); }

const verifier::Message& message_of(std::string_view kind) { return *verifier::find_kind("v1", kind); }

// What is wrong, as damage or as a doubt; empty when the value is sound.
std::string problem_of(const std::function<std::string()>& look_for_doubt) {
  try {
    return look_for_doubt();
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::damaged);
    return error.what();
  }
}

std::string problem_of(const std::string& value) {
  return problem_of([&] { return verifier::decode_object(value).doubt; });
}

std::string problem_of_raw(const std::string& bytes, std::string_view kind) {
  return problem_of([&] { return verifier::walk_message(bytes, message_of(kind)).doubt; });
}

bool is_noticed(const std::string& bytes, std::string_view kind) {
  bool unknown = false;
  const auto look = [&] {
    verifier::Walked walked = verifier::walk_message(bytes, message_of(kind));
    unknown = walked.unknown_fields > 0;
    return walked.doubt;
  };
  return !problem_of(look).empty() || unknown;
}

}  // namespace

TEST_CASE("Objects as Kubernetes writes them are sound, of every group and of versions long gone") {
  const auto [api_version, kind] = GENERATE(table<std::string, std::string>({
      {"v1", "Pod"},
      {"v1", "RangeAllocation"},
      {"apps/v1", "StatefulSet"},
      {"extensions/v1beta1", "Ingress"},
      {"policy/v1beta1", "PodSecurityPolicy"},
      {"settings.k8s.io/v1alpha1", "PodPreset"},
      {"apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"},
      {"apiregistration.k8s.io/v1", "APIService"},
      {"resource.k8s.io/v1", "ResourceClaim"},
      {"batch/v1beta1", "CronJob"},
  }));
  const auto object = verifier::decode_object(kine::protobuf({api_version, kind, "n", "", "u"}));
  CHECK(object.name == "n");
  CHECK_FALSE(object.unknown_kind);
  CHECK(object.unknown_fields == 0);
}

TEST_CASE("Fields that only old versions have are no surprise") {
  const std::string cluster_name = field(15, "");  // ObjectMeta.clusterName, until 1.23
  CHECK(verifier::decode_object(kine::protobuf(kPod, "", cluster_name)).unknown_fields == 0);
}

TEST_CASE("What a newer Kubernetes may have written is counted and no problem") {
  CHECK(verifier::decode_object(kine::protobuf(kPod, field(99, "new"))).unknown_fields == 1);
  CHECK(verifier::decode_object(kine::protobuf(kPod, container(field(90, "new")), field(90, "new"))).unknown_fields ==
        2);
  const auto object = verifier::decode_object(kine::protobuf({"v9", "Novelty", "n", "", "u"}, field(2, "\xff")));
  CHECK(object.unknown_kind);
  CHECK(object.unknown_fields == 0);
  CHECK(object.uid == "u");
}

TEST_CASE("Owners, deletion and finalizers are read from protobuf and JSON") {
  const std::string owner = field(13, field(1, "Node") + field(3, "a") + field(4, "u1") + field(5, "v1"));
  const std::string metadata = kine::time_field(9, 1'790'000'000) + owner + field(14, "kubernetes");
  const std::string json =
      R"({"apiVersion":"x.io/v1","kind":"Thing","metadata":{"deletionTimestamp":"2026-09-21T14:13:20Z",)"
      R"("finalizers":["kubernetes"],"name":"p","ownerReferences":)"
      R"([{"apiVersion":"v1","kind":"Node","name":"a","uid":"u1"}]}})";
  for (const std::string& value : {kine::protobuf(kPod, "", metadata), json}) {
    const auto object = verifier::decode_object(value);
    CHECK(object.terminating);
    CHECK(object.has_finalizers);
    REQUIRE(object.owners.size() == 1);
    CHECK(object.owners[0].kind == "Node");
    CHECK(object.owners[0].name == "a");
    CHECK(object.owners[0].uid == "u1");
  }
  const auto plain = verifier::decode_object(kine::protobuf(kPod));
  CHECK_FALSE(plain.terminating);
  CHECK_FALSE(plain.has_finalizers);
}

TEST_CASE("A message that Kubernetes' marshallers do not write is damaged, and says where") {
  const std::string sound = kine::complete(field(1, field(1, "m")), message_of("ConfigMap"));
  REQUIRE(problem_of_raw(sound, "ConfigMap").empty());
  const std::string a = field(2, entry("a", "x"));
  const std::string b = field(2, entry("b", "x"));
  REQUIRE(problem_of_raw(sound + a + b, "ConfigMap").empty());
  const auto [tail, sentence] = GENERATE_COPY(table<std::string, std::string>({
      {b + a, "is a ConfigMap whose data is not sorted"},
      {a + a, "whose data is not sorted"},
      {field(2, field(2, "x")), "whose data has an entry without a key"},
      {field(2, field(1, "x")), "whose data has a key without a value"},
      {field(2, entry("a", "x") + "z"), "after its value"},
      {field(2, entry("a", "\xff")), "whose data is no UTF-8"},
      {field(2, entry("\xff", "a")), "has a key that is no UTF-8"},
      {number(4, 2), "whose immutable is no such number"},
      {number(4, 1) + number(4, 1), "whose immutable is there twice"},
      {number(4, 1) + a, "that has its fields in disorder"},
      {field(4, "x"), "whose immutable has another type"},
      {number(2, 1), "whose data has another type"},
      {"\x20\x81\x00"s, "longer than it need be"},
      {"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s, "ends in the middle of a number"},
      {"\x12\x05x"s, "ends in the middle of a field"},
      {"\x04"s, "field without a number"},
      {"\x9b\x06"s, "a type that does not exist"},
  }));
  INFO(sentence);
  CHECK(contains(problem_of_raw(sound + tail, "ConfigMap"), sentence));
}

TEST_CASE("What Kubernetes' own decoder refuses or cannot answer with is damage; what it takes is a doubt") {
  const auto is_damage = [](const std::string& value) {
    std::string doubt;
    try {
      doubt = verifier::decode_object(value).doubt;
    } catch (const core::Error&) {
      return true;
    }
    CHECK_FALSE(doubt.empty());
    return false;
  };
  const auto pod = [](const std::string& spec, const std::string& metadata = {}) {
    return kine::protobuf(kPod, spec, metadata);
  };
  const auto managed = [](const std::string& raw) { return field(17, field(2, "Update") + field(7, field(1, raw))); };
  CHECK(
      is_damage(pod(container(field(8, field(1, entry("cpu", field(1, "10x"))))))));  // a quantity that does not parse
  CHECK(is_damage(pod(container(number(2, 1)))));                                     // another type
  CHECK(is_damage(pod("", managed("{\"f:spec\":{}"))));                               // cannot be answered as JSON
  CHECK(is_damage(pod("", kine::time_field(9, 300'000'000'000))));
  CHECK(is_damage(pod("").substr(0, 60)));
  CHECK_FALSE(is_damage(pod(container(field(14, "Alwaxs")))));
  CHECK_FALSE(is_damage(pod(container(field(2, "b\xffsybox")))));
  CHECK_FALSE(is_damage(pod("", managed(R"({"f:spdc":{}})"))));
  CHECK_FALSE(is_damage(pod("", managed(R"({"spec":{}})"))));
  CHECK_FALSE(is_damage(pod("", field(11, entry("a/b/c", "x")))));
  const std::string json = R"({"apiVersion":"x.io/v1","kind":"Thing","metadata":{)";
  CHECK(is_damage(json + R"("creationTimestamp":"2026-19-21T14:13:20Z"}})"));
  CHECK_FALSE(is_damage(json + R"("name":"n","labels":{}}})"));
}

TEST_CASE("What is always written is missed at every level") {
  CHECK(contains(problem_of_raw("", "Pod"), "is a Pod whose metadata is missing"));
  CHECK(contains(problem_of_raw(field(1, ""), "ConfigMap"), "whose metadata.name is missing"));
  const std::string metadata = kine::complete(field(1, "p"), verifier::object_meta());
  CHECK(contains(problem_of_raw(field(1, metadata), "Pod"), "is a Pod whose spec is missing"));
  const std::string half_a_time = field(1, "n") + field(2, "") + field(3, "") + field(4, "") + field(5, "") +
                                  field(6, "") + number(7, 0) + field(8, number(1, 1));
  CHECK(contains(problem_of_raw(field(1, half_a_time), "ConfigMap"), "metadata.creationTimestamp.nanos is missing"));
}

TEST_CASE("Leaves that have one form only are damaged in any other") {
  const auto [spec, metadata, sentence] = GENERATE(table<std::string, std::string, std::string>({
      {container(field(14, "Alwaxs")), "",
       "spec.containers.imagePullPolicy is a word of Kubernetes with a wrong letter"},
      {container(field(14, "Alw\xe1ys")), "", "spec.containers.imagePullPolicy is a word"},
      {container(field(2, "b\xffsybox")), "", "spec.containers.image is no UTF-8"},
      {container(field(6, number(3, 80) + number(2, 1) + field(4, "TCQ"))), "", "ports.protocol is a word"},
      {container(field(8, field(1, entry("cpu", field(1, "10x"))))), "", "resources.limits.string is no quantity"},
      {container(field(8, field(1, entry("cpt", field(1, "10"))))), "", "resources.limits has a key that is a word"},
      {"", field(11, entry("a/b/c", "x")), "metadata.labels has a key"},
      {"", field(11, entry("a", "-")), "metadata.labels has a value"},
      {"", field(11, entry("A.b/c", "x")), "metadata.labels has a key"},
      {"", field(12, entry("a b", "x")), "metadata.annotations has a key"},
      {"", field(12, entry("kubectl.kubernetes.io/last-applied-configuration", "{\"a\":tru}\n")), "configuration"},
      {"", field(17, field(2, "Updbte")), "metadata.managedFields.operation is no operation"},
      {"", field(17, field(2, "Update") + field(6, "FieldsV3")), "fieldsType is no type"},
      {"", field(17, field(2, "Update") + field(7, field(1, R"({"f:spdc":{}})"))), "fieldsV1.Raw is no set of fields"},
      {"", field(13, field(4, "0ee1a3a2-3b44-4d1c-9a0e-1f0d8a1b2cgd")), "ownerReferences.uid is no UID any more"},
      {"", kine::time_field(9, 1, 5), "metadata.deletionTimestamp.nanos is no such number"},
      {"", kine::time_field(9, 300'000'000'000), "metadata.deletionTimestamp.seconds is no such number"},
  }));
  const std::string problem = problem_of(kine::protobuf(kPod, spec, metadata));
  INFO(problem << " / " << sentence);
  CHECK(contains(problem, sentence));
}

TEST_CASE("What people and programs are free to write is no alarm") {
  const auto [spec, metadata] = GENERATE(table<std::string, std::string>({
      {container(field(14, "Sometimes")), ""},
      {container(field(8, field(1, entry("cpu", field(1, "1.5"))))), ""},
      {field(3, field(3, "container said \xff\xfe")), ""},  // status.message, out of a container
      {"", field(11, entry("a.b/C_d", "")) + field(12, entry("A.b/c", "{not JSON"))},
      {"", field(12, entry("kubectl.kubernetes.io/last-applied-configuration", "{\"a\": by hand"))},
      {"", field(17, field(2, "Apply") + field(7, field(1, R"({"f:spec":{"f:novelty":{}}})")))},
      {"", field(17, field(2, "Update") + field(7, field(1, R"({"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":)"
                                                            R"({".":{},"f:image":{}}}}})")))},
      {"", field(13, field(4, "made-by-hand"))},
      {"", field(13, field(1, "replicaSet") + field(4, "12345678-1234-1234-1234-123456789012"))},
      {"", kine::time_field(9, 60)},  // a node whose clock began in 1970
  }));
  CHECK(problem_of(kine::protobuf(kPod, spec, metadata)).empty());
}

TEST_CASE("Events and templates are spared what the API server does not look at there") {
  const std::string odd = field(11, entry("a/b/c", "-"));
  CHECK(problem_of(kine::protobuf({"v1", "Event", "e", "ns", "u"}, field(4, "\xff"), odd)).empty());
  const std::string managed = field(17, field(2, "Nonsense"));
  const std::string deployment = field(2, field(3, field(1, odd + managed)));
  CHECK(problem_of(kine::protobuf({"apps/v1", "Deployment", "d", "ns", "u"}, deployment)).empty());
}

TEST_CASE("Every flipped bit in the bones of an object is noticed, save in the values of its numbers") {
  const std::string bones = kine::complete(field(1, field(1, "")) + container(""), message_of("Pod"));
  std::size_t missed = 0;
  for (std::size_t bit = 0; bit < bones.size() * 8; ++bit) {
    std::string changed = bones;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    if (is_noticed(changed, "Pod")) continue;
    ++missed;
    const auto byte = static_cast<unsigned char>(bones[bit / 8]);
    INFO("bit " << bit);
    CHECK((byte == 0 || byte == 'c'));  // generation, or the letter of the container's name
  }
  CHECK(missed < bones.size() / 2);
}

TEST_CASE("Nesting that is deeper than any object's is walked no further and ends in no crash") {
  const verifier::Message& crd = *verifier::find_kind("apiextensions.k8s.io/v1", "CustomResourceDefinition");
  std::string schema;
  for (int level = 0; level < 5'000; ++level) schema = field(28, schema);  // not: not: not: ...
  const std::string value = field(2, field(3, field(4, field(1, schema))));
  CHECK_FALSE(problem_of([&] { return verifier::walk_message(value, crd).doubt; }).empty());
}

TEST_CASE("JSON is looked at as well") {
  const auto object = [](const std::string& metadata) {
    return R"({"apiVersion":"x.io/v1","kind":"Thing","metadata":{)" + metadata + "}}";
  };
  REQUIRE(problem_of(object(R"("labels":{"a":"b"},"managedFields":[{"apiVersion":"x.io/v1","fieldsType":"FieldsV1",)"
                            R"("fieldsV1":{"f:spec":{".":{},"f:a":{}}},"operation":"Update",)"
                            R"("time":"2026-09-21T14:13:20Z"}],"name":"n","uid":"u")"))
              .empty());
  CHECK(problem_of(R"({"kind":"Thing","apiVersion":"x.io/v1","metadata":{"name":"n","labels":{}}})").empty());
  const auto [metadata, sentence] = GENERATE(table<std::string, std::string>({
      {R"("name":"n","labels":{})", "keys are not sorted"},
      {R"("labels":{"a":"b","a":"b"})", "keys are not sorted"},
      {R"("labels":{"a/b/c":""})", "metadata.labels has a key"},
      {R"("ncme":"n")", "metadata has a key of Kubernetes with a wrong letter"},
      {R"("creationTimestamp":"2026-09-21T14:13:2pZ")", "holds a time that is none"},
      {R"("creationTimestamp":"2026-19-21T14:13:20Z")", "holds a time that is none"},
      {R"("uid":"0ee1a3a2-3b44-4d1c-9a0e-1f0d8a1b2cgd")", "metadata.uid is no UID any more"},
      {R"("managedFields":[{"operation":"Updbte"}])", "managedFields.operation"},
      {R"("managedFields":[{"fieldsV1":{"g:spec":{}}}])", "no set of fields"},
      {R"("managedFields":[{"fieldsV1":{"f:spec":{"f:a":1}}}])", "no set of fields"},
  }));
  const std::string problem = problem_of(object(metadata));
  INFO(problem << " / " << sentence);
  CHECK(contains(problem, sentence));
}

TEST_CASE("Quantities are those that Kubernetes parses") {
  verifier::Field field;
  field.content = verifier::Content::quantity;
  for (const char* text : {"", "0", "1", "100m", "1Gi", "12e6", "1E", "1E3", "-5", "+.5", "1.", "300u", "7Ei", "3k"})
    CHECK(verifier::problem_of_text(text, field) == nullptr);
  for (const char* text : {".", "m", "1K", "1ki", "1Gi ", "1e", "1e1.5", "--1", "1mm", "\xb1"})
    CHECK(verifier::problem_of_text(text, field) != nullptr);
}

TEST_CASE("A Helm release and what the deploy controller applied last are vouched for to the last bit") {
  const std::string packed = "H4sIAAAAAAACA6tWykvMTVWyUiopSkxNy8xWqq0eFaGBCAC0YC4iaAEAAA==";  // gzip, base64
  const auto release = [](const std::string& value) {
    return kine::protobuf({"v1", "Secret", "s", "ns", "u"}, field(2, entry("release", value)));
  };
  const auto applied = [](const std::string& value) {
    return kine::protobuf(kPod, "", field(12, entry("objectset.rio.cattle.io/applied", value)));
  };
  CHECK(problem_of(release(packed)).empty());
  CHECK(problem_of(applied(packed.substr(0, packed.find('=')))).empty());
  CHECK(problem_of(release("not packed")).empty());
  std::string damaged = packed;
  for (const std::size_t at : {std::size_t{30}, packed.size() / 2, packed.size() - 6}) {
    damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
    CHECK(contains(problem_of(release(damaged)), "is a Secret whose data holds a Helm release with a wrong checksum"));
    CHECK(contains(problem_of(applied(damaged)), "metadata.annotations holds what was applied last with a wrong"));
    damaged = packed;
  }
  CHECK_FALSE(problem_of(release(packed.substr(0, packed.size() / 2))).empty());
}
