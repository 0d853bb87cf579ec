#include "drill/sandbox/lockdown.hpp"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "drill/sandbox/failure.hpp"

namespace drill {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;  // no filter: the rest holds everywhere
#endif

// What changes mounts, namespaces, the kernel or other processes, and what would go round this list.
constexpr std::array kDenied{
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_userfaultfd,
    SYS_swapon,
    SYS_swapoff,
    SYS_reboot,
    SYS_acct,
    SYS_quotactl,
    SYS_open_by_handle_at,
    SYS_syslog,
    SYS_clock_settime,
    SYS_settimeofday,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
};

// Other families reach what has no namespace: the hypervisor (vsock), the kernel's own (alg), devices.
constexpr std::array kSocketFamilies{AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

constexpr std::uint32_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

// A program of the kernel's packet filter: looks at a call's number and first argument, and says what becomes of it.
// Source: linux Documentation/userspace-api/seccomp_filter.rst.
class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    unless_equal(kArchitecture, EPERM);
    load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    when(BPF_JGE, 0x40000000, EPERM);  // the same calls under the numbers of x32
#endif
    for (const auto call : kDenied) when(BPF_JEQ, static_cast<std::uint32_t>(call), EPERM);
    // Its flags are out of a filter's reach; libc takes clone when told that there is no clone3.
    when(BPF_JEQ, SYS_clone3, ENOSYS);
    // The calls that are looked into load their argument; all others end here.
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 2, 0);
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 5, 0);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    load(offsetof(seccomp_data, args));
    when(BPF_JSET, kNewNamespaces, EPERM);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    load(offsetof(seccomp_data, args));
    for (const int family : kSocketFamilies) {
      add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(family), 0, 1);
      add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
  }

  void install() {
    const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    must(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "filtering system calls");
  }

 private:
  void add(int code, std::uint32_t value, std::uint8_t if_true = 0, std::uint8_t if_false = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), if_true, if_false, value});
  }
  void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
  void when(int comparison, std::uint32_t value, std::uint32_t error) {
    add(BPF_JMP | comparison | BPF_K, value, 0, 1);
    add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
  }
  void unless_equal(std::uint32_t value, std::uint32_t error) {
    add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
    add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
  }

  std::vector<sock_filter> code_;
};

// A hard limit that is lower already stays: only root may raise it, and hardened machines allow nobody a core dump.
void set_limit(int resource, rlim_t value) {
  const auto kind = static_cast<__rlimit_resource_t>(resource);
  rlimit present{};
  must(::getrlimit(kind, &present) == 0, "reading the limits of a process");
  value = std::min(value, present.rlim_max);
  const rlimit limit{value, value};
  must(::setrlimit(kind, &limit) == 0, "setting the limits of a process");
}

void drop_capabilities() {
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability)
    must(::prctl(PR_CAPBSET_DROP, capability) == 0, "dropping capabilities");
  must(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0, "dropping ambient capabilities");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  must(::syscall(SYS_capset, &header, none.data()) == 0, "dropping capabilities");
}

}  // namespace

void lock_down(const std::optional<Caps>& caps) {
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "giving up new privileges");
  drop_capabilities();
  if (kArchitecture != 0) Filter().install();
  // Last: they are the engine's, and what this process still allocated would count as well.
  // A core dump of one byte and not of none: a host that hands them to a program of its own takes 0 for "no limit".
  set_limit(RLIMIT_CORE, 1);
  if (!caps) return;
  set_limit(RLIMIT_DATA, caps->memory_bytes);
  set_limit(RLIMIT_NPROC, caps->pids);
}

}  // namespace drill
