// What the stepper's own test runs: two threads, each of which makes a file of its own in the directory given.
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <thread>

int main(int, char** argv) {
  const auto make = [&](const char* name) {
    const int fd = ::open((std::string(argv[1]) + "/" + name).c_str(), O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 40; ++i)
      if (::write(fd, "block", 5) != 5) ::_exit(1);
    ::close(fd);
  };
  std::thread one(make, "one");
  one.join();
  std::thread two(make, "two");
  two.join();
  return 7;
}
