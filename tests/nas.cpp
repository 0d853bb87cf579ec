#include "tests/nas.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <new>
#include <stdexcept>
#include <vector>

#include "tests/small_disk.hpp"

namespace lab {
namespace {

constexpr std::size_t kBufferBytes = 1U << 20U;

struct Request {
  const fuse_in_header* header;
  const char* body;

  template <class Body>
  const Body& as() const {
    return *reinterpret_cast<const Body*>(body);
  }
  template <class Body>
  const char* name_behind() const {
    return body + sizeof(Body);
  }
};

// One request after the other; an answer is a number below zero, which is an errno, or bytes.
class Server {
 public:
  Server(int device, std::string root, Nas::Trouble& trouble) : device_(device), trouble_(trouble) {
    paths_[FUSE_ROOT_ID] = std::move(root);
  }

  [[noreturn]] void run() {
    std::vector<char> buffer(kBufferBytes);
    while (true) {
      const ssize_t got = ::read(device_, buffer.data(), buffer.size());
      if (got < 0 && (errno == EINTR || errno == ENOENT)) continue;
      if (got <= 0) ::_exit(0);
      const auto* header = reinterpret_cast<const fuse_in_header*>(buffer.data());
      if (header->opcode == FUSE_FORGET || header->opcode == FUSE_BATCH_FORGET || header->opcode == FUSE_INTERRUPT)
        continue;
      out_.clear();
      const int result = answer({header, buffer.data() + sizeof *header});
      if (result < 0) out_.clear();
      const fuse_out_header reply{static_cast<std::uint32_t>(sizeof reply + out_.size()), result, header->unique};
      out_.insert(0, reinterpret_cast<const char*>(&reply), sizeof reply);
      [[maybe_unused]] const ssize_t put = ::write(device_, out_.data(), out_.size());
    }
  }

 private:
  template <class Body>
  int reply(const Body& body) {
    out_.append(reinterpret_cast<const char*>(&body), sizeof body);
    return 0;
  }

  static int result_of(int returned) { return returned < 0 ? -errno : 0; }

  const std::string& path(std::uint64_t node) { return paths_.at(node); }

  // As a server that does not tell upper from lower case finds it.
  std::string child(std::uint64_t node, const std::string& name) {
    const std::string exact = path(node) + "/" + name;
    struct stat facts {};
    if (::lstat(exact.c_str(), &facts) == 0) return exact;
    if (DIR* const directory = ::opendir(path(node).c_str())) {
      std::string found;
      while (const dirent* entry = ::readdir(directory))
        if (::strcasecmp(entry->d_name, name.c_str()) == 0) found = entry->d_name;
      ::closedir(directory);
      if (!found.empty()) return path(node) + "/" + found;
    }
    return exact;
  }

  std::uint64_t node_of(const std::string& file) {
    for (const auto& [node, known] : paths_)
      if (known == file) return node;
    paths_[++last_node_] = file;
    return last_node_;
  }

  static fuse_attr attributes(const struct stat& facts) {
    fuse_attr attr{};
    attr.ino = facts.st_ino;
    attr.size = static_cast<std::uint64_t>(facts.st_size);
    attr.blocks = static_cast<std::uint64_t>(facts.st_blocks);
    attr.mtime = static_cast<std::uint64_t>(facts.st_mtim.tv_sec);
    attr.mode = (facts.st_mode & static_cast<mode_t>(S_IFMT)) | 0755U;  // all are the mount's
    attr.nlink = 1;
    attr.uid = facts.st_uid;
    attr.gid = facts.st_gid;
    attr.blksize = 4096;
    return attr;
  }

  int entry(const std::string& file) {
    struct stat facts {};
    if (::lstat(file.c_str(), &facts) != 0) return -errno;
    fuse_entry_out entry{};
    entry.nodeid = node_of(file);
    entry.attr = attributes(facts);
    return reply(entry);
  }

  int attr(std::uint64_t node) {
    struct stat facts {};
    if (::lstat(path(node).c_str(), &facts) != 0) return -errno;
    fuse_attr_out out{};
    out.attr = attributes(facts);
    return reply(out);
  }

  bool is_open(const std::string& file) const {
    for (const auto& [handle, open] : open_)
      if (open == file || open.starts_with(file + "/")) return true;
    return false;
  }

  int open(const std::string& file, int flags) {
    const int fd = ::open(file.c_str(), flags & ~O_NOFOLLOW, 0600);
    if (fd < 0) return -errno;
    open_[fd] = file;
    fuse_open_out out{};
    out.fh = static_cast<std::uint64_t>(fd);
    out.open_flags = FOPEN_DIRECT_IO;
    return reply(out);
  }

  int create(const Request& request) {
    const auto& in = request.as<fuse_create_in>();
    const std::string file = child(request.header->nodeid, request.name_behind<fuse_create_in>());
    if (trouble_.takes_no_notes && file.find("damage.json") != std::string::npos) return -ENOSPC;
    const int fd = ::open(file.c_str(), static_cast<int>(in.flags) | O_CREAT, 0600);
    if (fd < 0) return -errno;
    [[maybe_unused]] const int given = ::fchown(fd, request.header->uid, request.header->gid);
    ::close(fd);
    if (const int failed = entry(file); failed != 0) return failed;
    return open(file, static_cast<int>(in.flags) & ~(O_CREAT | O_EXCL));
  }

  int make_directory(const Request& request) {
    const std::string file = child(request.header->nodeid, request.name_behind<fuse_mkdir_in>());
    if (::mkdir(file.c_str(), 0700) != 0) return -errno;
    [[maybe_unused]] const int given = ::chown(file.c_str(), request.header->uid, request.header->gid);
    return entry(file);
  }

  int set_attributes(const Request& request) {
    const auto& in = request.as<fuse_setattr_in>();
    if ((in.valid & (FATTR_MODE | FATTR_UID | FATTR_GID)) != 0) return -EPERM;
    if ((in.valid & FATTR_SIZE) != 0 &&
        ::truncate(path(request.header->nodeid).c_str(), static_cast<off_t>(in.size)) != 0)
      return -errno;
    return attr(request.header->nodeid);
  }

  int read(const Request& request) {
    const auto& in = request.as<fuse_read_in>();
    const bool packed = open_[static_cast<int>(in.fh)].ends_with(".zst");
    if (packed && trouble_.reads_that_fail > 0) {
      --trouble_.reads_that_fail;
      return -trouble_.reads_fail_with;
    }
    out_.resize(in.size);
    const ssize_t got = ::pread(static_cast<int>(in.fh), out_.data(), in.size, static_cast<off_t>(in.offset));
    if (got < 0) return -errno;
    out_.resize(static_cast<std::size_t>(got));
    if (packed && got > 100 && trouble_.reads_that_lie > 0) {
      --trouble_.reads_that_lie;
      out_[out_.size() / 2] = static_cast<char>(out_[out_.size() / 2] ^ 0x40);
    }
    return 0;
  }

  int write(const Request& request) {
    const auto& in = request.as<fuse_write_in>();
    const ssize_t put =
        ::pwrite(static_cast<int>(in.fh), request.name_behind<fuse_write_in>(), in.size, static_cast<off_t>(in.offset));
    if (put < 0) return -errno;
    return reply(fuse_write_out{static_cast<std::uint32_t>(put), 0});
  }

  int rename(const Request& request, std::uint64_t new_directory, const char* names) {
    const std::string from = child(request.header->nodeid, names);
    const std::string to = path(new_directory) + "/" + (names + std::strlen(names) + 1);
    if (is_open(from) || is_open(to)) return -EBUSY;
    if (::rename(from.c_str(), to.c_str()) != 0) return -errno;
    for (auto& [node, known] : paths_)
      if (known == from || known.starts_with(from + "/")) known = to + known.substr(from.size());
    return 0;
  }

  int remove(const Request& request, int flags) {
    const std::string file = child(request.header->nodeid, request.body);
    if (is_open(file)) return -EBUSY;
    return result_of(::unlinkat(AT_FDCWD, file.c_str(), flags));
  }

  int read_directory(const Request& request) {
    const auto& in = request.as<fuse_read_in>();
    DIR* const directory = ::opendir(path(request.header->nodeid).c_str());
    if (directory == nullptr) return -errno;
    std::uint64_t number = 0;
    while (const dirent* found = ::readdir(directory)) {
      if (++number <= in.offset) continue;
      const std::string name = found->d_name;
      const std::size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + name.size());
      if (out_.size() + size > in.size) break;
      const fuse_dirent entry{found->d_ino, number, static_cast<std::uint32_t>(name.size()), found->d_type};
      std::string bytes(size, '\0');
      std::memcpy(bytes.data(), &entry, FUSE_NAME_OFFSET);
      name.copy(bytes.data() + FUSE_NAME_OFFSET, name.size());
      out_ += bytes;
    }
    ::closedir(directory);
    return 0;
  }

  int release(const Request& request) {
    const int fd = static_cast<int>(request.as<fuse_release_in>().fh);
    open_.erase(fd);
    return result_of(::close(fd));
  }

  int initialize(const Request& request) {
    const auto& in = request.as<fuse_init_in>();
    fuse_init_out out{};
    out.major = FUSE_KERNEL_VERSION;
    out.minor = 31;
    out.max_readahead = in.max_readahead;
    out.flags = in.flags & (FUSE_FLOCK_LOCKS | FUSE_BIG_WRITES | FUSE_ATOMIC_O_TRUNC);
    out.max_write = 128U << 10U;
    return reply(out);
  }

  static bool changes(const Request& request) {
    switch (request.header->opcode) {
      case FUSE_CREATE:
      case FUSE_MKDIR:
      case FUSE_SETATTR:
      case FUSE_WRITE:
      case FUSE_RENAME:
      case FUSE_RENAME2:
      case FUSE_UNLINK:
      case FUSE_RMDIR:
        return true;
      case FUSE_OPEN:
        return (request.as<fuse_open_in>().flags & O_ACCMODE) != O_RDONLY;
      default:
        return false;
    }
  }

  int answer(const Request& request) {
    const std::uint64_t node = request.header->nodeid;
    if (const int failure = trouble_.changes_fail_with; failure != 0 && changes(request)) return -failure;
    switch (request.header->opcode) {
      case FUSE_INIT:
        return initialize(request);
      case FUSE_LOOKUP:
        return entry(child(node, request.body));
      case FUSE_GETATTR:
        return attr(node);
      case FUSE_SETATTR:
        return set_attributes(request);
      case FUSE_CREATE:
        return create(request);
      case FUSE_MKDIR:
        return make_directory(request);
      case FUSE_OPEN:
        return open(path(node), static_cast<int>(request.as<fuse_open_in>().flags));
      case FUSE_OPENDIR:
        return reply(fuse_open_out{});
      case FUSE_READ:
        return read(request);
      case FUSE_WRITE:
        return write(request);
      case FUSE_READDIR:
        return read_directory(request);
      case FUSE_RELEASE:
        return release(request);
      case FUSE_UNLINK:
        return remove(request, 0);
      case FUSE_RMDIR:
        return remove(request, AT_REMOVEDIR);
      case FUSE_RENAME:
        return rename(request, request.as<fuse_rename_in>().newdir, request.name_behind<fuse_rename_in>());
      case FUSE_RENAME2:
        return rename(request, request.as<fuse_rename2_in>().newdir, request.name_behind<fuse_rename2_in>());
      case FUSE_STATFS:
        return reply(fuse_statfs_out{});
      case FUSE_FSYNC:
        return result_of(::fsync(static_cast<int>(request.as<fuse_fsync_in>().fh)));
      case FUSE_FLUSH:
      case FUSE_RELEASEDIR:
        return 0;
      case FUSE_FSYNCDIR:
        return -EINVAL;
      case FUSE_SETLK:
      case FUSE_SETLKW:
      case FUSE_GETLK:
        return -ENOLCK;
      case FUSE_LINK:
      case FUSE_SYMLINK:
        return -EPERM;
      default:
        return -ENOSYS;  // the kernel says EOPNOTSUPP for O_TMPFILE and fallocate then
    }
  }

  int device_;
  Nas::Trouble& trouble_;
  std::string out_;
  std::map<std::uint64_t, std::string> paths_;
  std::map<int, std::string> open_;
  std::uint64_t last_node_ = FUSE_ROOT_ID;
};

}  // namespace

std::string Nas::missing() {
  if (::access("/dev/fuse", R_OK | W_OK) != 0) return std::string("a NAS needs /dev/fuse: ") + std::strerror(errno);
  return SmallDisk::missing();
}

Nas::Nas(std::filesystem::path place, const std::filesystem::path& behind) : place_(std::move(place)) {
  std::filesystem::create_directories(place_);
  std::filesystem::create_directories(behind);
  void* const shared = ::mmap(nullptr, sizeof(Trouble), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const int device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  const std::string options =
      "fd=" + std::to_string(device) + ",rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions";
  if (shared == MAP_FAILED || device < 0 || ::mount("nas", place_.c_str(), "fuse", MS_NOSUID, options.c_str()) != 0)
    throw std::runtime_error("mounting " + place_.string() + ": " + std::strerror(errno));
  trouble_ = new (shared) Trouble();
  server_ = ::fork();
  if (server_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Server(device, behind, *trouble_).run();
  }
  ::close(device);
  if (server_ < 0) throw std::runtime_error(std::string("forking: ") + std::strerror(errno));
}

Nas::~Nas() {
  ::umount2(place_.c_str(), MNT_DETACH);
  ::kill(server_, SIGKILL);
  ::waitpid(server_, nullptr, 0);
  ::munmap(trouble_, sizeof(Trouble));
}

}  // namespace lab
