#include "drill/proof/compare.hpp"

#include "tests/catch.hpp"

namespace {

// The texts are literals and outlive the object.
verifier::Object object(std::string_view resource, std::string_view name, std::string_view uid, std::int64_t revision) {
  return {resource, "team-000", name, uid, core::Revision{revision}, "v1"};
}

// Two pods and a sealed secret, served as they were; each test changes one thing.
struct Restored {
  std::vector<verifier::Object> expected{object("pods", "web-1", "u1", 11), object("pods", "web-2", "u2", 12),
                                         object("secrets", "db", "", 13)};
  std::vector<drill::ServedList> served{
      {"pods",
       200,
       "",
       {{"team-000", "web-1", "u1", core::Revision{11}}, {"team-000", "web-2", "u2", core::Revision{12}}}},
      {"secrets", 200, "", {{"team-000", "db", "u3", core::Revision{13}}}},
  };
  drill::Equality compare() const { return drill::compare(expected, served); }
};

}  // namespace

TEST_CASE_METHOD(Restored, "what is served as it was is equal, and a sealed object by its revision") {
  const drill::Equality equality = compare();
  CHECK(equality.equal());
  CHECK(equality.matched == 3);
  CHECK(equality.findings.empty());
}

TEST_CASE_METHOD(Restored, "an object that is not served is missing and named") {
  served[0].objects.pop_back();
  const drill::Equality equality = compare();
  CHECK_FALSE(equality.equal());
  CHECK(equality.missing == 1);
  CHECK(equality.examples == std::vector<std::string>{"missing: pods team-000/web-2"});
  CHECK(equality.findings.size() == 1);
}

TEST_CASE_METHOD(Restored, "another uid is different, although name and revision agree") {
  served[0].objects[0].uid = "u9";
  CHECK(compare().different == 1);
  CHECK(compare().matched == 2);
  CHECK(compare().findings.size() == 1);
}

TEST_CASE_METHOD(Restored, "another revision is different, of a sealed object too") {
  served[0].objects[0].revision.value = 99;
  served[1].objects[0].revision.value = 99;
  CHECK(compare().different == 2);
  CHECK(compare().matched == 1);
}

TEST_CASE_METHOD(Restored, "an object that the snapshot does not hold is unexpected") {
  served[0].objects.push_back({"team-000", "stranger", "u8", core::Revision{14}});
  const drill::Equality equality = compare();
  CHECK_FALSE(equality.equal());
  CHECK(equality.unexpected == 1);
  CHECK(equality.matched == 3);
}

TEST_CASE_METHOD(Restored, "an object served under a second group as well is the same object") {
  served.push_back({"pods.second.group", 200, "", served[0].objects});
  CHECK(compare().equal());
}

TEST_CASE_METHOD(Restored, "a kind of the snapshot that cannot be listed fails, any other is only said") {
  served[0].status = 500;
  served[0].message = "storage is broken";
  served.push_back({"metrics.other", 503, "no backend", {}});
  const drill::Equality equality = compare();
  CHECK(equality.missing == 2);
  REQUIRE(equality.findings.size() == 3);
  CHECK(equality.findings[0].severity == core::Severity::error);
  CHECK_THAT(equality.findings[0].message, Catch::Contains("pods cannot be listed (HTTP 500): storage is broken"));
  CHECK(equality.findings[1].severity == core::Severity::note);
  CHECK_THAT(equality.findings[1].message, Catch::Contains("the snapshot holds none of them"));
  CHECK(drill::check_of(equality).verdict == core::CheckVerdict::fail);
}

TEST_CASE_METHOD(Restored, "a kind that never gets ready for an object that does not decode has lost its objects") {
  served[1] = {"secrets",
               429,
               "storage is (re)initializing: failed to list <unspecified>: failed to read one or more secrets from the "
               "storage: StorageError: corrupt object, Code: 7, Key: /registry/secrets/default/s",
               {}};
  CHECK_FALSE(served[1].not_yet());
  CHECK(compare().missing == 1);
  CHECK(compare().unread == 0);
  CHECK(drill::check_of(compare()).verdict == core::CheckVerdict::fail);
}

TEST_CASE_METHOD(Restored, "a kind that is not ready is not proven, and hides nothing that is wrong beside it") {
  served[1] = {"secrets", 429, "storage is (re)initializing", {}};
  CHECK(compare().unread == 1);
  CHECK(compare().missing == 0);
  CHECK(compare().expected == compare().matched + compare().unread);
  CHECK_FALSE(compare().equal());
  CHECK(drill::check_of(compare()).verdict == core::CheckVerdict::could_not_run);
  served[0].objects.pop_back();
  CHECK(compare().missing == 1);
  CHECK(drill::check_of(compare()).verdict == core::CheckVerdict::fail);
}
