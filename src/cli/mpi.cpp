#include "cli/mpi.h"

#ifdef WAIVER_MPI

#include <fmt/format.h>
#include <mpi.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/ranks/agree.h"

namespace waiver {
namespace {

void check(int code) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw RankLost("mpi", std::string(text, static_cast<size_t>(length)),
                 "Another rank has ended, or the network failed. --resume continues the run.");
}

// Where process ids mean the same: the machine since it was started, and a container's own ids.
std::string machine_name() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  std::error_code none;
  return boot + " " + std::filesystem::read_symlink("/proc/self/ns/pid", none).string();
}

class Mpi : public Ranks {
 public:
  Mpi() {
    int given = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &given);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_size(MPI_COMM_WORLD, &count_);
    MPI_Comm_rank(MPI_COMM_WORLD, &own_);
    Process own;
    const std::string machine = machine_name();
    machine.copy(own.machine, sizeof own.machine - 1);
    own.pid = ::getpid();
    processes_ = gather(own);
  }
  // Where a rank is lost the others would wait for it for ever.
  ~Mpi() override {
    if (lost_) return;
    if (gave_up()) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
  }

  int64_t count() const override { return count_; }
  int64_t own() const override { return own_; }
  int64_t here() const override {
    return std::ranges::count_if(processes_, [&](const Process& p) {
      return std::string_view(p.machine) == processes_[own_].machine;
    });
  }
  std::string library() const override { return mpi_version(); }

  void exchange(std::span<const Piece> sent, std::span<const Piece> received) override {
    requests_.clear();
    for (const Piece& p : received)
      for_messages(p, [&](std::byte* at, int size, MPI_Request* request) {
        return MPI_Irecv(at, size, MPI_BYTE, static_cast<int>(p.rank), 0, MPI_COMM_WORLD, request);
      });
    for (const Piece& p : sent)
      for_messages(p, [&](std::byte* at, int size, MPI_Request* request) {
        return MPI_Isend(at, size, MPI_BYTE, static_cast<int>(p.rank), 0, MPI_COMM_WORLD, request);
      });
    wait();
  }

  [[noreturn]] void abort(int status) override {
    std::fflush(nullptr);
    if (!lost_) MPI_Abort(MPI_COMM_WORLD, status);  // or mpirun ends the others already
    std::_Exit(status);
  }

 private:
  // MPI counts in int.
  template <class F>
  void for_messages(const Piece& p, const F& start) {
    constexpr int64_t most = 1 << 30;
    for (int64_t at = 0; at < std::ssize(p.bytes); at += most) {
      requests_.push_back(MPI_REQUEST_NULL);
      check(start(p.bytes.data() + at, static_cast<int>(std::min(most, std::ssize(p.bytes) - at)),
                  &requests_.back()));
    }
  }

  // MPI's own waiting keeps a processor busy, which others may need where there are more ranks than
  // processors.
  void wait() {
    using namespace std::chrono_literals;
    using Clock = std::chrono::steady_clock;
    constexpr int kEager = 2000;
    constexpr auto kPatience = 20ms;
    auto look = Clock::now() + kPatience;
    for (int tries = 1;; ++tries) {
      int done = 0;
      check(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done,
                        MPI_STATUSES_IGNORE));
      if (done) return;
      if (tries < kEager)
        std::this_thread::yield();
      else
        std::this_thread::sleep_for(20us);
      // By the clock: yielding takes long where others want the processor, and mpirun ends all
      // within a second.
      if (Clock::now() < look) continue;
      look_for_lost();
      look = Clock::now() + kPatience;
    }
  }

  bool is_gone(int64_t rank) const {
    const Process &own = processes_[own_], &other = processes_[rank];
    return std::string_view(own.machine) == other.machine && ::kill(other.pid, 0) != 0 &&
           errno == ESRCH;
  }

  // On this machine; those elsewhere mpirun tells of. The first that is left says so.
  void look_for_lost() {
    if (processes_.empty()) return;
    int64_t first = own_, lost = -1;
    for (int64_t r = count_ - 1; r >= 0; --r) {
      const bool gone = r != own_ && is_gone(r);
      if (gone) lost = r;
      if (!gone && r < first) first = r;
    }
    if (lost < 0) return;
    lost_ = true;
    if (first != own_) {
      // mpirun gives the first no time to say so once a second one has ended.
      std::this_thread::sleep_for(std::chrono::seconds(1));
      throw EndedElsewhere{1};
    }
    throw RankLost(fmt::format("rank {}", lost), "its process has ended, so the others end too",
                   "--resume continues from the last checkpoint, with any number of ranks.");
  }

  struct Process {
    char machine[256] = {};
    pid_t pid = 0;
  };

  int count_ = 1, own_ = 0;
  bool lost_ = false;
  std::vector<Process> processes_;  // of all ranks
  std::vector<MPI_Request> requests_;
};

}  // namespace

std::unique_ptr<Ranks> join_mpi() { return std::make_unique<Mpi>(); }

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string all(text, static_cast<size_t>(length));
  return all.substr(0, all.find_first_of(",\n"));
}

}  // namespace waiver

#else

namespace waiver {

std::unique_ptr<Ranks> join_mpi() { return nullptr; }
std::string mpi_version() { return {}; }

}  // namespace waiver

#endif
