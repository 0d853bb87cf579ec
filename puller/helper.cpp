#include "puller/helper.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/logging.hpp"
#include "k3s/gather_script.hpp"
#include "puller/programs.hpp"
#include "puller/pull.hpp"
#include "puller/remote_script.hpp"
#include "ssh/node_problem.hpp"
#include "ssh/root_shell.hpp"

namespace puller {
namespace {

using core::ErrorKind;

constexpr std::string_view kHelperPath = "/var/lib/k3s-drill/drill-node";

constexpr std::string_view kLookAtMachine = R"sh(printf 'k3s-drill 1\nfact arch %s\nend\n' "$(uname -m)"
)sh";

// The program is in the script, so that the shell has nothing else to read from its stdin.
constexpr std::string_view kInstall = R"sh(
refuse() {{ printf 'refused %s\n' "$*"; exit 3; }}
install_helper() {{
  printf 'k3s-drill 1\n'
  directory={directory}
  mkdir -p "$directory" && chmod 700 "$directory" || refuse "$directory cannot be made; let root write in ${{directory%/*}}"
  for old in "$directory"/.drill-node.*; do
    owner=${{old##*/.drill-node.}}
    kill -0 "${{owner%%.*}}" 2>/dev/null || rm -f "$old"
  done
  new=$(mktemp "$directory/.drill-node.$$.XXXXXX") || refuse "nothing can be written in $directory; make room there"
  trap 'rm -f "$new"' EXIT
  unpack 2>/dev/null >"$new" || refuse "$directory has no space, or the node no base64 or gzip; make room, or install coreutils and gzip there"
  hash=$(sha256sum <"$new")
  [ "${{hash%% *}}" = {sha256} ] || refuse 'it arrived with another hash; pull again'
  chmod 700 "$new"
  "$new" --version >/dev/null 2>&1 || refuse "no program can run in $directory, it may be mounted noexec; mount what allows programs there"
  flush "$new" || refuse "$new cannot be flushed to its disk; make room there"
  mv -f "$new" "$directory/drill-node" || refuse "nothing can be renamed in $directory; remove what is there"
  flush "$directory"
  trap - EXIT
  printf 'end\n'
  exit 0
}}
flush() {{ sync "$1" 2>/dev/null || sync; }}
unpack() {{
  base64 -d <<'END' | gzip -dc
{program}END
}}
install_helper
)sh";

// As a word of a shell, inside the single quotes of sh -c '...'.
std::string nested_word(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/._-+@%,:=").find(c) != std::string_view::npos;
  });
  if (plain) return text;
  std::string word = "\"";
  for (const char c : text) {
    if (std::string_view("\"\\$`").find(c) != std::string_view::npos) word += '\\';
    if (c == '\'')
      word += "'\\''";
    else
      word += c;
  }
  return word + "\"";
}

// The ways to start it: by sudo as the program that it is; and where sudo allows a root shell only, out of that.
std::vector<std::string> helper_commands(const Target& target) {
  const std::string program = fmt::format("{} pull {} {}", kHelperPath, nested_word(target.data_dir.string()),
                                          nested_word(target.config_file.string()));
  return {fmt::format("sh -c 'if [ \"$(id -u)\" = 0 ]; then exec {0}; fi; exec env LC_ALL=C sudo -n {0}'", program),
          fmt::format(R"(sh -c 'exec env LC_ALL=C sudo -n sh -c "exec \"\$@\"" sh {}')", program)};
}

const NodeProgram* program_for(std::string_view arch) {
  const std::vector<NodeProgram>& programs = node_programs();
  const auto found =
      std::find_if(programs.begin(), programs.end(), [&](const NodeProgram& program) { return program.arch == arch; });
  return found == programs.end() ? nullptr : &*found;
}

HelperUnavailable unavailable(const Target& target, std::string_view why) {
  return HelperUnavailable(ErrorKind::denied, fmt::format("{}: drill-node cannot run there: {}", target.host, why));
}

// One run of a script in a root shell, up to its "end". What the node has against it makes drill-node unavailable.
std::unique_ptr<ssh::Conversation> run_script(const Target& target, ssh::Session& session, std::string_view script) {
  auto shell = std::make_unique<ssh::Conversation>(target, session.start(ssh::root_shell_command()),
                                                   std::string(k3s::kScriptPrologue) + std::string(script));
  if (!shell->greeted())
    throw unavailable(target,
                      fmt::format("no root shell to put it there ({}); {}", ssh::last_line(shell->error_output()),
                                  ssh::sudoers_cure(ssh::root_shell_line(session.user()))));
  if (const ssh::Line line = shell->next(); line.word == "refused")
    throw unavailable(target, line.rest);
  else if (line.word != "end")
    throw ssh::no_stream("a line out of place");
  return shell;
}

void install(const Target& target, ssh::Session& session) {
  const std::string arch = run_script(target, session, kLookAtMachine)->text("arch");
  const NodeProgram* program = program_for(arch);
  if (program == nullptr) throw unavailable(target, fmt::format("this drill has none for {}", arch));
  core::log_debug(fmt::format("{}: sending drill-node for {}", target.host, arch));
  const std::filesystem::path directory = std::filesystem::path(kHelperPath).parent_path();
  run_script(target, session,
             fmt::format(kInstall, fmt::arg("directory", directory.string()), fmt::arg("sha256", program->sha256),
                         fmt::arg("program", program->packed)));
}

bool is_ours(const ssh::Conversation& helper) {
  const std::string hash = helper.text("helper_sha256");
  const std::vector<NodeProgram>& programs = node_programs();
  return std::any_of(programs.begin(), programs.end(),
                     [&](const NodeProgram& program) { return program.sha256 == hash; });
}

// What drill-node reads (node/request.hpp).
std::string request_for(const Target& target, RequestKind kind, std::string_view base) {
  return fmt::format("{}\nrequest {}\nread_transaction_seconds {}\nwal_growth_bytes {}\nspool_bytes {}\n{}go\n",
                     ssh::kHello, kind == RequestKind::pull ? "pull" : "inspect",
                     target.limits.read_transaction.count(), target.limits.wal_growth_bytes, target.limits.spool_bytes,
                     base);
}

struct Present {
  std::unique_ptr<ssh::Conversation> helper;  // nullptr when none is there that may be run
  std::string said;                           // then: by what was in the way
};

Present start_present(const Target& target, ssh::Session& session, const std::string& request) {
  Present present;
  for (const std::string& command : helper_commands(target)) {
    auto helper = std::make_unique<ssh::Conversation>(target, session.start(command), request);
    if (helper->greeted()) return {std::move(helper), {}};
    if (present.said.empty()) present.said = ssh::last_line(helper->error_output());
  }
  return present;
}

// It was just put there by a root shell and does not start. A sudo that allows a shell without arguments only is asked
// to allow the program as well.
HelperUnavailable unstartable(const Target& target, const std::string& user, const std::string& said) {
  std::string why = fmt::format("it was put there and does not start ({})", said.empty() ? "it said nothing" : said);
  if (!ssh::words_of_sudo(said).empty()) why += "; " + ssh::sudoers_cure(sudoers_line(target, user));
  return unavailable(target, why);
}

}  // namespace

std::string sudoers_line(const Target& target, const std::string& user) {
  std::string arguments;
  for (const std::filesystem::path& path : {target.data_dir, target.config_file}) {
    arguments += ' ';
    for (const char c : path.string()) {
      if (std::string_view(",:=\\ ").find(c) != std::string_view::npos) arguments += '\\';
      arguments += c;
    }
  }
  return fmt::format("{} ALL=(root) NOPASSWD: {} pull{}", user, kHelperPath, arguments);
}

std::unique_ptr<ssh::Conversation> start_helper(const Target& target, ssh::Session& session, RequestKind kind,
                                                std::string_view base) {
  const std::string request = request_for(target, kind, base);
  Present present = start_present(target, session, request);
  if (present.helper) present.helper->hear("helper_sha256");
  if (present.helper && is_ours(*present.helper)) return std::move(present.helper);
  const bool speaks = present.helper != nullptr;
  present.helper.reset();
  try {
    install(target, session);
  } catch (const HelperUnavailable& error) {
    // One that may be run and not replaced does as long as it speaks our language.
    if (!speaks) throw;
    core::log_warning(
        fmt::format("{}: the drill-node there is another version than this drill's, and was used as it is: {}",
                    target.host, error.what()));
  }
  present = start_present(target, session, request);
  if (!present.helper) throw unstartable(target, session.user(), present.said);
  return std::move(present.helper);
}

}  // namespace puller
